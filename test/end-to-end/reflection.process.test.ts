import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";

const buf = fileURLToPath(new URL("../../node_modules/.bin/buf", import.meta.url));

test.each([
  ["v1", "grpc-v1"],
  ["v1alpha", "grpc-v1alpha"],
])("buf curl calls the server without its schema, by reflection %s", async (_version, reflection) => {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(() => void server.stop("SIGKILL"));
  const call = async (method: string, data: object): Promise<unknown> => {
    const url = `http://${server.address}/${method}`;
    const flags = ["--protocol", "grpc", "--http2-prior-knowledge", "--reflect-protocol", reflection];
    const { stdout } = await promisify(execFile)(buf, [
      "curl",
      ...flags,
      "--data",
      JSON.stringify(data),
      url,
    ]);
    return JSON.parse(stdout);
  };
  await call("duetkv.v1.KeyValueService/Put", { key: "a", value: "x" });
  expect(await call("duetkv.v1.KeyValueService/Get", { key: "a" })).toMatchObject({ entry: { value: "x" } });
  expect(await call("grpc.health.v1.Health/Check", {})).toEqual({ status: "SERVING" });
});
