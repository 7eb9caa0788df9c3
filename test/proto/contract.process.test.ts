import { execFile } from "node:child_process";
import { readFile, rm } from "node:fs/promises";
import { promisify } from "node:util";
import { createFileRegistry, type DescMethod, fromBinary, getOption } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { loadSync } from "@grpc/proto-loader";
import { expect, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const run = promisify(execFile);
const cwd = new URL("../../", import.meta.url).pathname;

test("buf builds the contract from the root of the repository", async () => {
  const directory = await temporaryDirectory();
  await run("npx", ["buf", "build", "--output", `${directory}/image.binpb`], { cwd });
  const { file } = fromBinary(FileDescriptorSetSchema, await readFile(`${directory}/image.binpb`));
  expect(file.map(({ name }) => name)).toContain("duetkv/v1/key_value.proto");
});

test("the routes of 0.1 are those of today", async () => {
  const image = await readFile(`${cwd}proto/contract-0.1.binpb`);
  const old = createFileRegistry(fromBinary(FileDescriptorSetSchema, image)).getService(
    KeyValueService.typeName,
  );
  const routes = (methods: readonly DescMethod[]) =>
    new Map(methods.map((method) => [method.name, getOption(method, http)]));
  expect(old?.methods.length).toBe(7);
  for (const [name, rule] of routes(old?.methods ?? [])) {
    expect([name, routes(KeyValueService.methods).get(name)]).toEqual([name, rule]);
  }
});

test("each file of the contract names its package in Go, Java and C#", () => {
  expect(KeyValueService.file.proto.options).toMatchObject({
    goPackage: "github.com/duetkv/duetkv/gen/go/duetkv/v1;duetkvv1",
    javaPackage: "io.duetkv.v1",
    javaMultipleFiles: true,
    csharpNamespace: "Duetkv.V1",
  });
});

test("the bundle has all that another generator needs", async () => {
  await rm(`${cwd}dist/proto`, { recursive: true, force: true });
  await run("npm", ["run", "-s", "bundle:proto"], { cwd });
  const files = ["duetkv/v1/key_value.proto", "google/rpc/error_details.proto", "google/rpc/status.proto"];
  const definition = loadSync(files, { includeDirs: [`${cwd}dist/proto`] });
  expect(Object.keys(definition)).toEqual(
    expect.arrayContaining(["duetkv.v1.KeyValueService", "google.rpc.ErrorInfo", "google.rpc.Status"]),
  );
});
