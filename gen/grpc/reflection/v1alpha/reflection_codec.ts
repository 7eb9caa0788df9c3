// @generated from file grpc/reflection/v1alpha/reflection.proto (package grpc.reflection.v1alpha), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../../src/wire/protobuf/reader.ts";
import type { Writer } from "../../../../src/wire/protobuf/writer.ts";
import type {
  ErrorResponse,
  ErrorResponseSchema,
  ExtensionRequest,
  ExtensionRequestSchema,
  FileDescriptorResponse,
  FileDescriptorResponseSchema,
  ListServiceResponse,
  ListServiceResponseSchema,
  ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServiceResponse,
  ServiceResponseSchema,
} from "./reflection_pb.ts";

/** Writes a grpc.reflection.v1alpha.ServerReflectionRequest. */
export function writeServerReflectionRequest(to: Writer, message: MessageInitShape<typeof ServerReflectionRequestSchema>): void {
  if (message.host) to.string(1, message.host);
  if (message.messageRequest?.case === "fileByFilename") to.string(3, message.messageRequest.value);
  if (message.messageRequest?.case === "fileContainingSymbol") to.string(4, message.messageRequest.value);
  if (message.messageRequest?.case === "fileContainingExtension") {
    const start = to.beginNested(5);
    writeExtensionRequest(to, message.messageRequest.value);
    to.endNested(5, start);
  }
  if (message.messageRequest?.case === "allExtensionNumbersOfType") to.string(6, message.messageRequest.value);
  if (message.messageRequest?.case === "listServices") to.string(7, message.messageRequest.value);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.reflection.v1alpha.ServerReflectionRequest that ends at `end`, and merges it into `message`. */
export function readServerReflectionRequest(from: Reader, end: number, message: ServerReflectionRequest = newServerReflectionRequest()): ServerReflectionRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // host = 1
        message.host = from.string(end);
        break;
      case 0x1a: // file_by_filename = 3
        message.messageRequest = { case: "fileByFilename", value: from.string(end) };
        break;
      case 0x22: // file_containing_symbol = 4
        message.messageRequest = { case: "fileContainingSymbol", value: from.string(end) };
        break;
      case 0x2a: // file_containing_extension = 5
        message.messageRequest = { case: "fileContainingExtension", value: readExtensionRequest(from, from.nested(end), message.messageRequest.case === "fileContainingExtension" ? message.messageRequest.value : undefined) };
        break;
      case 0x32: // all_extension_numbers_of_type = 6
        message.messageRequest = { case: "allExtensionNumbersOfType", value: from.string(end) };
        break;
      case 0x3a: // list_services = 7
        message.messageRequest = { case: "listServices", value: from.string(end) };
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newServerReflectionRequest(): ServerReflectionRequest {
  return {
    $typeName: "grpc.reflection.v1alpha.ServerReflectionRequest",
    host: "",
    messageRequest: { case: undefined },
  };
}

/** Writes a grpc.reflection.v1alpha.ExtensionRequest. */
export function writeExtensionRequest(to: Writer, message: MessageInitShape<typeof ExtensionRequestSchema>): void {
  if (message.containingType) to.string(1, message.containingType);
  if (message.extensionNumber) to.int32(2, message.extensionNumber);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.reflection.v1alpha.ExtensionRequest that ends at `end`, and merges it into `message`. */
export function readExtensionRequest(from: Reader, end: number, message: ExtensionRequest = newExtensionRequest()): ExtensionRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // containing_type = 1
        message.containingType = from.string(end);
        break;
      case 0x10: // extension_number = 2
        message.extensionNumber = from.int32(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newExtensionRequest(): ExtensionRequest {
  return {
    $typeName: "grpc.reflection.v1alpha.ExtensionRequest",
    containingType: "",
    extensionNumber: 0,
  };
}

/** Writes a grpc.reflection.v1alpha.FileDescriptorResponse. */
export function writeFileDescriptorResponse(to: Writer, message: MessageInitShape<typeof FileDescriptorResponseSchema>): void {
  for (const each of message.fileDescriptorProto ?? []) to.bytes(1, each);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.reflection.v1alpha.FileDescriptorResponse that ends at `end`, and merges it into `message`. */
export function readFileDescriptorResponse(from: Reader, end: number, message: FileDescriptorResponse = newFileDescriptorResponse()): FileDescriptorResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // file_descriptor_proto = 1
        from.element();
        message.fileDescriptorProto.push(from.bytes(end));
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newFileDescriptorResponse(): FileDescriptorResponse {
  return {
    $typeName: "grpc.reflection.v1alpha.FileDescriptorResponse",
    fileDescriptorProto: [],
  };
}

/** Writes a grpc.reflection.v1alpha.ListServiceResponse. */
export function writeListServiceResponse(to: Writer, message: MessageInitShape<typeof ListServiceResponseSchema>): void {
  for (const each of message.service ?? []) {
    const start = to.beginNested(1);
    writeServiceResponse(to, each);
    to.endNested(1, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.reflection.v1alpha.ListServiceResponse that ends at `end`, and merges it into `message`. */
export function readListServiceResponse(from: Reader, end: number, message: ListServiceResponse = newListServiceResponse()): ListServiceResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // service = 1
        from.element();
        message.service.push(readServiceResponse(from, from.nested(end)));
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newListServiceResponse(): ListServiceResponse {
  return {
    $typeName: "grpc.reflection.v1alpha.ListServiceResponse",
    service: [],
  };
}

/** Writes a grpc.reflection.v1alpha.ErrorResponse. */
export function writeErrorResponse(to: Writer, message: MessageInitShape<typeof ErrorResponseSchema>): void {
  if (message.errorCode) to.int32(1, message.errorCode);
  if (message.errorMessage) to.string(2, message.errorMessage);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.reflection.v1alpha.ErrorResponse that ends at `end`, and merges it into `message`. */
export function readErrorResponse(from: Reader, end: number, message: ErrorResponse = newErrorResponse()): ErrorResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // error_code = 1
        message.errorCode = from.int32(end);
        break;
      case 0x12: // error_message = 2
        message.errorMessage = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newErrorResponse(): ErrorResponse {
  return {
    $typeName: "grpc.reflection.v1alpha.ErrorResponse",
    errorCode: 0,
    errorMessage: "",
  };
}

/** Writes a grpc.reflection.v1alpha.ServiceResponse. */
export function writeServiceResponse(to: Writer, message: MessageInitShape<typeof ServiceResponseSchema>): void {
  if (message.name) to.string(1, message.name);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.reflection.v1alpha.ServiceResponse that ends at `end`, and merges it into `message`. */
export function readServiceResponse(from: Reader, end: number, message: ServiceResponse = newServiceResponse()): ServiceResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // name = 1
        message.name = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newServiceResponse(): ServiceResponse {
  return {
    $typeName: "grpc.reflection.v1alpha.ServiceResponse",
    name: "",
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["grpc.reflection.v1alpha.ServerReflectionRequest", { read: readServerReflectionRequest, write: writeServerReflectionRequest }],
  ["grpc.reflection.v1alpha.ExtensionRequest", { read: readExtensionRequest, write: writeExtensionRequest }],
  ["grpc.reflection.v1alpha.FileDescriptorResponse", { read: readFileDescriptorResponse, write: writeFileDescriptorResponse }],
  ["grpc.reflection.v1alpha.ListServiceResponse", { read: readListServiceResponse, write: writeListServiceResponse }],
  ["grpc.reflection.v1alpha.ErrorResponse", { read: readErrorResponse, write: writeErrorResponse }],
  ["grpc.reflection.v1alpha.ServiceResponse", { read: readServiceResponse, write: writeServiceResponse }],
];
