import { type DescFile, type DescService, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import {
  type ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import type { ServerReflection as ServerReflectionAlpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";

type MessageResponse = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

export interface ReflectionService {
  readonly v1: ServiceImpl<typeof ServerReflection>;
  readonly v1alpha: ServiceImpl<typeof ServerReflectionAlpha>;
}

/**
 * Serves gRPC reflection for the given services. grpcurl and `buf curl` use it to call a server without its schema.
 */
export function createReflectionService(services: readonly DescService[]): ReflectionService {
  const files = new Map<string, DescFile>();
  for (const { file } of services) addWithDependencies(file, files);
  const symbols = new Map<string, DescFile>();
  const extensions = new Map<string, Map<number, DescFile>>();
  for (const file of files.values()) indexFile(file, symbols, extensions);

  function respond(
    { messageRequest: request }: ServerReflectionRequest,
    sent: Set<DescFile>,
  ): MessageResponse {
    switch (request.case) {
      case "listServices": {
        const service = services.map(({ typeName }) => ({ name: typeName }));
        return { case: "listServicesResponse", value: { service } };
      }
      case "fileByFilename":
        return describe(files.get(request.value.replace(/\.proto$/, "")), sent);
      case "fileContainingSymbol":
        return describe(symbols.get(request.value), sent);
      case "fileContainingExtension": {
        const { containingType, extensionNumber } = request.value;
        return describe(extensions.get(containingType)?.get(extensionNumber), sent);
      }
      case "allExtensionNumbersOfType": {
        if (!symbols.has(request.value)) return notFound;
        const extensionNumber = [...(extensions.get(request.value)?.keys() ?? [])];
        return {
          case: "allExtensionNumbersResponse",
          value: { baseTypeName: request.value, extensionNumber },
        };
      }
      case undefined:
        return failure(Code.InvalidArgument, "message_request is not set");
    }
  }

  const v1: ServiceImpl<typeof ServerReflection> = {
    async *serverReflectionInfo(requests) {
      const sent = new Set<DescFile>();
      for await (const originalRequest of requests) {
        yield {
          validHost: originalRequest.host,
          originalRequest,
          messageResponse: respond(originalRequest, sent),
        };
      }
    },
  };
  // Both versions have the same messages under different names.
  return { v1, v1alpha: v1 as unknown as ReflectionService["v1alpha"] };
}

/** The file and its imports, except those that the stream has already received. */
function describe(file: DescFile | undefined, sent: Set<DescFile>): MessageResponse {
  if (file === undefined) return notFound;
  const closure = new Map<string, DescFile>();
  addWithDependencies(file, closure);
  const missing = [...closure.values()].filter((each) => each === file || !sent.has(each));
  for (const each of missing) sent.add(each);
  const fileDescriptorProto = missing.map(({ proto }) => toBinary(FileDescriptorProtoSchema, proto));
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function addWithDependencies(file: DescFile, files: Map<string, DescFile>): void {
  if (files.has(file.name)) return;
  files.set(file.name, file);
  for (const dependency of file.dependencies) addWithDependencies(dependency, files);
}

function indexFile(
  file: DescFile,
  symbols: Map<string, DescFile>,
  extensions: Map<string, Map<number, DescFile>>,
): void {
  for (const type of nestedTypes(file)) {
    symbols.set(type.typeName, file);
    switch (type.kind) {
      case "message":
        for (const { name } of [...type.fields, ...type.oneofs])
          symbols.set(`${type.typeName}.${name}`, file);
        break;
      case "service":
        for (const { name } of type.methods) symbols.set(`${type.typeName}.${name}`, file);
        break;
      case "enum": {
        // Enum values are in the scope that contains the enum.
        const scope = type.typeName.slice(0, type.typeName.lastIndexOf(".") + 1);
        for (const { name } of type.values) symbols.set(scope + name, file);
        break;
      }
      case "extension": {
        const extendee = type.extendee.typeName;
        const numbers = extensions.get(extendee) ?? new Map<number, DescFile>();
        extensions.set(extendee, numbers.set(type.number, file));
        break;
      }
    }
  }
}

function failure(errorCode: Code, errorMessage: string): MessageResponse {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}

const notFound = failure(Code.NotFound, "not found");
