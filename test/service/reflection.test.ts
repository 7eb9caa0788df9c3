import { create, createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import type { HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import {
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { createReflectionService } from "../../src/service/reflection.ts";

type Ask = ServerReflectionRequest["messageRequest"];

/** All responses of one stream to the given requests. */
async function ask(...asked: readonly Ask[]) {
  const { v1 } = createReflectionService([KeyValueService]);
  async function* requests() {
    for (const messageRequest of asked) yield create(ServerReflectionRequestSchema, { messageRequest });
  }
  return Array.fromAsync(
    v1.serverReflectionInfo(requests(), {} as HandlerContext),
    ({ messageResponse }) => messageResponse,
  );
}

function filesOf(response: Awaited<ReturnType<typeof ask>>[number]) {
  if (response?.case !== "fileDescriptorResponse") throw new Error(`a response of ${response?.case}`);
  return (response.value.fileDescriptorProto ?? []).map((bytes) =>
    fromBinary(FileDescriptorProtoSchema, bytes),
  );
}

test("lists the services", async () => {
  expect(await ask({ case: "listServices", value: "*" })).toEqual([
    { case: "listServicesResponse", value: { service: [{ name: KeyValueService.typeName }] } },
  ]);
});

test.each([
  "duetkv.v1.KeyValueService",
  "duetkv.v1.KeyValueService.Get",
  "duetkv.v1.Entry",
  "duetkv.v1.Entry.key",
  "duetkv.v1.Event.Type",
  "duetkv.v1.Event.PUT",
])("describes the file of %s so that it can be read alone", async (symbol) => {
  const [response] = await ask({ case: "fileContainingSymbol", value: symbol });
  const file = filesOf(response);
  // Throws when an import is missing.
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: file.toReversed() }));
  expect(registry.getService("duetkv.v1.KeyValueService")?.methods.length).toBe(
    KeyValueService.methods.length,
  );
});

test("sends no import twice on one stream", async () => {
  const [first, second] = await ask(
    { case: "fileByFilename", value: "duetkv/v1/key_value.proto" },
    { case: "fileByFilename", value: "duetkv/v1/key_value.proto" },
  );
  expect(filesOf(first).length).toBeGreaterThan(3);
  expect(filesOf(second).map(({ name }) => name)).toEqual(["duetkv/v1/key_value.proto"]);
});

test("finds extensions by their number", async () => {
  const containingType = "google.protobuf.MethodOptions";
  const [numbers, file] = await ask(
    { case: "allExtensionNumbersOfType", value: containingType },
    {
      case: "fileContainingExtension",
      value: {
        $typeName: "grpc.reflection.v1.ExtensionRequest",
        containingType,
        extensionNumber: 72_295_728,
      },
    },
  );
  expect(numbers).toMatchObject({ value: { extensionNumber: [72_295_728] } });
  expect(filesOf(file)[0]?.name).toBe("google/api/annotations.proto");
});

test("returns not found for unknown names, and continues", async () => {
  const responses = await ask(
    { case: "fileByFilename", value: "nothing.proto" },
    { case: "fileContainingSymbol", value: "nothing" },
    { case: "allExtensionNumbersOfType", value: "nothing" },
    { case: undefined },
    { case: "listServices", value: "" },
  );
  expect(responses).toMatchObject([
    { case: "errorResponse", value: { errorCode: 5 } },
    { case: "errorResponse", value: { errorCode: 5 } },
    { case: "errorResponse", value: { errorCode: 5 } },
    { case: "errorResponse", value: { errorCode: 3 } },
    { case: "listServicesResponse" },
  ]);
});
