import { setTimeout as delay } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { Event_Type } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ClockedService, expectExpiry } from "./clocked-service.ts";
import { openClient } from "./every-client.ts";

/**
 * Puts `count` keys, a multiple of 500, whose times to live end together while another client writes. Expects a delete
 * of each at a revision of its own, and writes between them. The keys should all be there before the first one ends.
 */
export async function expireAtOnce(count: number, ttlSeconds: number): Promise<void> {
  const service = await ClockedService.start();
  const { client } = service;
  const ttl = { seconds: BigInt(ttlSeconds) };
  const expireTimes = new Map<string, number>();
  for (let first = 0; first < count; first += 500) {
    const puts = Array.from({ length: 500 }, (_, index) => ({
      kind: { case: "put" as const, value: { key: `key ${first + index}`, ttl } },
    }));
    const { results } = await client.commit({ mutations: puts });
    for (const { entry } of results) {
      if (entry?.expireTime) expireTimes.set(entry.key, timestampMs(entry.expireTime));
    }
  }
  expect(expireTimes.size).toBe(count);

  const revisions = new Set<bigint>();
  const controller = new AbortController();
  const watching = (async () => {
    for await (const { events, revision } of client.watch(
      { prefix: "key ", startRevision: 0n },
      controller.signal,
    )) {
      for (const event of events) {
        if (event.type !== Event_Type.DELETE) continue;
        expect(events).toHaveLength(1);
        expectExpiry(event, revision, expireTimes.get(event.entry?.key as string) as number);
        revisions.add(revision);
      }
      if (revisions.size === count) controller.abort();
    }
  })();
  const other = openClient("REST", service.address);
  const writes: bigint[] = [];
  while (!controller.signal.aborted) {
    writes.push((await other.put({ key: "other", value: String(writes.length) })).revision);
    if (revisions.size === 0) await delay(5);
  }
  await watching;
  other.close();
  const [first, last] = [[...revisions].at(0), [...revisions].at(-1)] as [bigint, bigint];
  const during = writes.filter((revision) => revision > first && revision < last);
  expect(during.length, "writes between the first and the last expiry").toBeGreaterThan(0);
  const { entries, revision } = await client.list({});
  expect(entries.map(({ key, value }) => [key, value])).toEqual([["other", String(writes.length - 1)]]);
  expect(revision).toBe(BigInt(count / 500 + writes.length + count));
}
