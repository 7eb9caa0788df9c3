import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it, onTestFinished } from "vitest";
import { createConnectClient } from "../support/connect-client.ts";
import { createRestClient } from "../support/rest-client.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { acceptedKeys, acceptedValues } from "./verdicts.ts";

it("keeps every key and every value byte for byte, over kill -9 and a restart", async () => {
  const flags = ["--log", `file:${await temporaryDirectory()}`];
  const keys = acceptedKeys("restart/").map(({ key }) => key);
  const values = acceptedValues.map(({ value }, index) => ({ key: `value/${index}`, value }));

  const first = await startServerProcess(flags);
  onTestFinished(() => void first.stop("SIGKILL"));
  const writer = createConnectClient(createGrpcTransport({ baseUrl: `http://${first.address}` }));
  for (const key of keys) await writer.put({ key, value: `value of ${key}` });
  for (const { key, value } of values) {
    await writer.put({ key, ...(typeof value === "string" ? { value } : { bytesValue: value }) });
  }
  const { revision } = await writer.delete({ key: keys[0] as string });
  await first.stop("SIGKILL");

  const second = await startServerProcess(flags);
  onTestFinished(() => void second.stop("SIGKILL"));
  const baseUrl = `http://${second.address}`;
  for (const reader of [
    createConnectClient(createGrpcTransport({ baseUrl })),
    createRestClient(baseUrl, "raw"),
  ]) {
    for (const [index, key] of keys.entries()) {
      const { entries } = await reader.batchGet({ keys: [key] });
      const expected = index === 0 ? [] : [{ key, value: `value of ${key}` }];
      expect(entries.map((entry) => ({ key: entry.key, value: entry.value }))).toEqual(expected);
    }
    for (const { key, value } of values) {
      const { entry } = await reader.get({ key });
      const got = entry?.value ?? Buffer.from(entry?.bytesValue ?? []);
      expect(typeof got === typeof value && Buffer.from(got).equals(Buffer.from(value))).toBe(true);
    }
  }
  const next = await createRestClient(baseUrl, "json").put({ key: "next", value: "" });
  expect(next.revision).toBe(revision + 1n);
});
