import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { openForeignSource } from "../../../../src/cli/import/foreign/open-foreign-source.ts";

async function readAll(store: "etcd" | "consul", respond: (path: string) => unknown): Promise<void> {
  const http = createServer(({ url = "" }, response) => response.end(JSON.stringify(respond(url))));
  await once(http.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void http.close());
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const limits = { keyBytesMax: 1024, valueBytesMax: 1024 };
  const options = { prefix: "", timeoutMs: 5000, ...limits, onUnsupported: () => {} };
  for await (const _ of await openForeignSource(store, url, options));
}

const header = { revision: "1" };

test.each([
  ["consul", {}],
  ["consul", null],
  ["consul", [{ Key: 1, Value: null }]],
  ["consul", [{ Key: "a", Value: 1 }]],
  ["etcd", {}],
  ["etcd", null],
  ["etcd", { header, kvs: {} }],
  ["etcd", { header, kvs: [{}] }],
  ["etcd", { header, kvs: [null] }],
  ["etcd", { header, kvs: [{ key: "YQ==", value: 1 }] }],
  // It would be asked for the same page for ever.
  ["etcd", { header, more: true }],
] as const)("the response of %s is refused when it is %j", async (store, response) => {
  const requests: string[] = [];
  const respond = (path: string) => {
    requests.push(path);
    return requests.length > 1 ? { header } : response;
  };
  await expect(readAll(store, respond)).rejects.toMatchObject({ details: { reason: "SOURCE_FAILED" } });
  expect(requests.length).toBe(1);
});

test.each([{ TTL: {} }, { TTL: "99999999999999999" }, null])(
  "refuses the lease %j of etcd",
  async (lease) => {
    const page = { header, kvs: [{ key: "YQ==", lease: "1" }] };
    const respond = (path: string) => (path.endsWith("timetolive") ? lease : page);
    await expect(readAll("etcd", respond)).rejects.toMatchObject({ details: { reason: "SOURCE_FAILED" } });
  },
);

test("does not repeat a URL, which may have a password", async () => {
  const limits = { keyBytesMax: 1024, valueBytesMax: 1024 };
  const options = { prefix: "", timeoutMs: 5000, ...limits, onUnsupported: () => {} };
  for (const url of ["redis://me:secret@host", "http://me:secret@ho st"]) {
    const refused = openForeignSource("etcd", url, options);
    await expect(refused).rejects.toThrow("needs a URL such as");
    await expect(refused).rejects.not.toThrow("secret");
  }
});
