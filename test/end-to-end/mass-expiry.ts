import { setTimeout as delay } from "node:timers/promises";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect } from "vitest";
import { Event_Type } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { until } from "../support/until.ts";
import { ClockedService, expectExpiry } from "./clocked-service.ts";
import { openClient } from "./every-client.ts";

const perCommit = 500;

/** Far more than a busy machine needs until a write comes between two deletes. */
const roundsMax = 20;

/**
 * Puts `count` keys, a multiple of 500, whose times to live end together while another client writes. Expects a delete
 * of each at a revision of its own, and writes between them.
 */
export async function expireAtOnce(count: number, ttlSeconds: number): Promise<void> {
  const service = await ClockedService.start();
  const { client } = service;
  const other = openClient("REST", service.address);
  const writes: bigint[] = [];
  const over = new AbortController();
  const writing = (async () => {
    for (; !over.signal.aborted; await delay(2))
      writes.push((await other.put({ key: "other", value: String(writes.length) })).revision);
  })();
  let rounds = 0;
  for (let isBetween = false; !isBetween; rounds++) {
    expect(rounds, "rounds without a write between the first and the last expiry").toBeLessThan(roundsMax);
    const revisions = await expireTogether(client, `${rounds}/`, count, BigInt(ttlSeconds));
    // What was sent meanwhile may have no response yet.
    const received = writes.length;
    await until(() => writes.length > received + 1);
    const [first, last] = [revisions.at(0), revisions.at(-1)] as [bigint, bigint];
    isBetween = writes.some((revision) => revision > first && revision < last);
  }
  over.abort();
  await writing;
  other.close();
  const { entries, revision } = await client.list({});
  expect(entries.map(({ key, value }) => [key, value])).toEqual([["other", String(writes.length - 1)]]);
  expect(revision).toBe(BigInt(rounds * (count / perCommit + count) + writes.length));
}

/** Puts the keys, and resolves with the revisions of their deletes, in order. */
async function expireTogether(
  client: KeyValueClient,
  prefix: string,
  count: number,
  seconds: bigint,
): Promise<bigint[]> {
  const expireTimes = new Map<string, number>();
  let start = 0n;
  for (let first = 0; first < count; first += perCommit) {
    const mutations = Array.from({ length: perCommit }, (_, index) => ({
      kind: { case: "put" as const, value: { key: `${prefix}${first + index}`, ttl: { seconds } } },
    }));
    const { results, revision } = await client.commit({ mutations });
    if (first === 0) start = revision;
    for (const { entry } of results) {
      if (entry?.expireTime) expireTimes.set(entry.key, timestampMs(entry.expireTime));
    }
  }
  expect(expireTimes.size).toBe(count);
  const revisions = new Set<bigint>();
  const controller = new AbortController();
  for await (const { events, revision } of client.watch(
    { prefix, startRevision: start },
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
  return [...revisions];
}
