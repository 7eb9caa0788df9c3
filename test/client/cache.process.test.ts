import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { cache } from "../../clients/typescript/src/cache.ts";
import { connect } from "../../clients/typescript/src/index.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { patienceMs } from "./patience.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

test("a cache follows the entries below a prefix, a transaction at a time", async () => {
  const proxy = await startFaultProxy(server.address);
  const client = connect({ url: proxy.url, timeoutMs: patienceMs, retry: { baseMs: 1, maxMs: 5 } });
  const direct = connect({ url: `http://${server.address}`, timeoutMs: patienceMs });
  onTestFinished(() => client.close());
  await direct.put("c/a", "1");
  await direct.put("d", "outside");
  await using copy = cache(client, "c/");
  expect(copy.state).toBe("loading");
  await copy.ready;
  expect([copy.size, copy.get("c/a")?.value, copy.get("d")]).toEqual([1, "1", undefined]);
  const changes: (readonly string[])[] = [];
  const end = copy.onChange((keys) => changes.push(keys));
  await direct.commit((batch) => batch.put("c/b", "2").delete("c/a").put("d", "3"));
  const { revision } = await direct.put("c/b", "3");
  await until(() => copy.asOf === revision);
  expect(changes).toEqual([["c/b", "c/a"], ["c/b"]]);
  expect([...copy.entries()].map(({ key, value }) => [key, value])).toEqual([["c/b", "3"]]);
  end();
  proxy.cutAll();
  await direct.delete("c/b");
  await until(() => copy.size === 0);
  expect(changes.length).toBe(2);
  await copy.close();
  expect(copy.state).toBe("ended");
});

test("a cache that cannot begin says why", async () => {
  const client = connect({ url: `http://${server.address}`, timeoutMs: patienceMs });
  const copy = cache(client, "bad\0");
  await expect(copy.ready).rejects.toMatchObject({ reason: "KEY_INVALID" });
  expect(copy.state).toBe("ended");
});
