import { expect, onTestFinished, test, vi } from "vitest";
import { cache } from "../../clients/typescript/src/cache.ts";
import { number } from "../../clients/typescript/src/codec.ts";
import { memory } from "../../clients/typescript/src/memory.ts";
import { collectUncaughtErrors } from "../support/uncaught-errors.ts";
import { until } from "../support/until.ts";
import { failure, open } from "./fake-transport.ts";

test("a cache outlives values that cannot be decoded", async () => {
  const client = memory();
  await using copy = cache(client.scope("n/", number), "");
  await copy.ready;
  await client.put("n/bad", "x");
  await client.put("n/a", "2");
  await until(() => copy.get("a")?.value === 2);
  expect(() => copy.get("bad")?.value).toThrow("not a number");
});

test("a listener that throws is an uncaught error, and neither ends the cache nor hides changes from others", async () => {
  const thrown = collectUncaughtErrors();
  const client = memory();
  await using copy = cache(client, "");
  await copy.ready;
  const seen: string[] = [];
  copy.onChange(() => {
    throw new Error("listener");
  });
  copy.onChange((keys) => seen.push(...keys));
  await client.put("a", "1");
  await client.put("b", "2");
  await until(() => seen.length === 2 && thrown.length === 2);
  expect(copy.get("b")?.value).toBe("2");
});

test("a cache that cannot go on says why", async () => {
  const client = open({
    async *stream() {
      yield { revision: "1", resumeRevision: "1", existingEnd: true };
      throw failure("permission_denied", { reason: "RIGHT_MISSING" });
    },
  });
  const copy = cache(client, "");
  await copy.ready;
  await expect(copy.ended).rejects.toMatchObject({ reason: "RIGHT_MISSING" });
  expect(copy.state).toBe("ended");
  const closed = cache(memory(), "");
  await closed.ready;
  await closed.close();
  await closed.ended;
});

test("a cache is stale when nothing has come for a time, and fresh again when something does", async () => {
  const client = memory();
  let now = 1;
  vi.spyOn(performance, "now").mockImplementation(() => now);
  onTestFinished(() => void vi.restoreAllMocks());
  await using copy = cache(client, "", { staleMs: 1000 });
  expect(copy.state).toBe("loading");
  await copy.ready;
  expect(copy.state).toBe("fresh");
  now += 1001;
  expect(copy.state).toBe("stale");
  const { revision } = await client.put("k", "1");
  for (let turn = 0; copy.asOf < revision && turn < 1000; turn++) await Promise.resolve();
  expect([copy.asOf, copy.state]).toEqual([revision, "fresh"]);
});
