import { expect, test } from "vitest";
import { prefixRange } from "../../../src/store/key-range.ts";
import { MapStore } from "../../../src/store/map-store.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { toByteRange } from "../../../src/store/tree/byte-range.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { toRequestId } from "../../../src/transaction-log/codec/request-id.ts";
import { encodeRequestRecord } from "../../../src/transaction-log/codec/request-record.ts";
import { TransactionDecoder } from "../../../src/transaction-log/codec/transaction-decoder.ts";
import { TransactionEncoder } from "../../../src/transaction-log/codec/transaction-encoder.ts";
import type { Transaction, TransactionEvent } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random, rounds, seed } from "../../support/random.ts";
import { put, remove, touch } from "../store-model.ts";
import { recordEntry } from "./mirrored-tree.ts";
import { type KeyPattern, keyPatterns, randomValue } from "./random-operations.ts";

const everything = prefixRange("");
const all = toByteRange(everything);

function encode(transactions: readonly Transaction[], basis: number): Buffer {
  const encoder = new TransactionEncoder(0);
  encoder.begin(basis);
  for (const transaction of transactions) encoder.encode(transaction);
  return Buffer.from(encoder.buffer.subarray(0, encoder.offset));
}

function randomTransaction(sequence: number, random: Random, pattern: KeyPattern): Transaction {
  const events = new Map<string, TransactionEvent>();
  for (let count = random.below(4); count >= 0; count--) {
    const key = pattern.key(random.below(800), random);
    const chance = random.below(10);
    if (chance < 2) events.set(key, remove(key));
    else if (chance < 4) events.set(key, touch(key, random.below(3) * 1000));
    else events.set(key, put(key, randomValue(random), random.chance(0.3) ? 1 + random.below(100) : 0));
  }
  if (random.chance(0.1)) {
    const key = pattern.key(random.below(800), random);
    const request = toRequestId(new Uint8Array(16).fill(sequence));
    return {
      sequence,
      time: 1_700_000_000_000 + sequence,
      events: [put(key, randomValue(random), 0)],
      request,
    };
  }
  const request = random.chance(0.1)
    ? encodeRequestRecord({
        id: new Uint8Array(16).fill(sequence),
        digest: new Uint8Array(8),
        results: [{ entry: undefined, deleted: true }],
      })
    : undefined;
  return { sequence, time: 1_700_000_000_000 + sequence, events: [...events.values()], request };
}

/** Payloads of up to 20 transactions each, and the basis of each. Some sequences are left out. */
function randomLog(random: Random, pattern: KeyPattern, count: number) {
  const payloads: { bytes: Buffer; basis: number; transactions: Transaction[] }[] = [];
  let sequence = 0;
  for (let left = count; left > 0; ) {
    const basis = sequence;
    const transactions: Transaction[] = [];
    for (let more = random.below(20); more >= 0 && left > 0; more--, left--) {
      sequence += random.chance(0.1) ? 2 + random.below(300) : 1;
      transactions.push(randomTransaction(sequence, random, pattern));
    }
    payloads.push({ bytes: encode(transactions, basis), basis, transactions });
  }
  return payloads;
}

test.each(keyPatterns)(`holds what a store holds, with keys $name (seed ${seed})`, (pattern) => {
  const random = createRandom(seed);
  for (const eventsMax of [2 ** 22, 500]) {
    const store = new MapStore();
    const tree = new Tree(reserveSlabs(4));
    const requests: unknown[] = [];
    const expected: unknown[] = [];
    const loader = tree.loader((sequence, record) => requests.push([sequence, record]), eventsMax);
    for (const { bytes, basis, transactions } of randomLog(random, pattern, 90 * rounds)) {
      loader.load(bytes, basis);
      for (const transaction of transactions) {
        store.apply(transaction);
        if (transaction.request !== undefined) expected.push([transaction.sequence, transaction.request]);
      }
    }
    loader.finish();
    tree.verify();
    expect(requests).toEqual(expected);

    const view = tree.view();
    expect([view.revision, view.time, view.size]).toEqual([store.revision, store.time, store.size]);
    const entries = Array.from(store.scan(everything, false), recordEntry);
    expect([...view.scan(all, false)]).toEqual(entries);
    for (const { key } of entries.slice(0, 100)) expect(tree.find(key)).not.toBe(0);
    const expired = tree.expired(1e12, 1e6).map((ref) => tree.records.key(ref));
    expect(expired.toSorted()).toEqual(
      entries.flatMap(({ key, expireTime }) => (expireTime === 0 ? [] : [key])).toSorted(),
    );

    // The flags of records are those of records that were written as usual: a put replaces each of the same size.
    const { liveBytes } = tree.usage;
    for (const entry of entries) tree.put(entry);
    tree.publish(store.revision + 1, store.time);
    tree.verify();
    expect(tree.usage.liveBytes).toBe(liveBytes);
    for (const { key } of entries) tree.remove(key);
    tree.publish(store.revision + 2, store.time);
    tree.verify();
    expect(tree.usage.liveBytes).toBe(0);
  }
});

test("sorts keys that end where others have zeros, and keeps the order of the log", () => {
  const keys = Array.from({ length: 40 }, (_, index) => `a${"\0".repeat(index % 20)}`);
  const events = keys.map((key, index) => put(key, String(index)));
  const transactions = events.map((event, index) => ({
    sequence: index + 1,
    time: 1,
    events: [event],
    request: undefined,
  }));
  const tree = new Tree(reserveSlabs(1));
  const loader = tree.loader(() => {});
  loader.load(encode(transactions, 0), 0);
  loader.finish();
  tree.verify();
  const values = Array.from(tree.view().scan(all, false), ({ value }) => value);
  expect(values).toEqual(Array.from({ length: 20 }, (_, index) => String(20 + index)));
});

test("an empty log leaves an empty tree at the given revision", () => {
  const tree = new Tree(reserveSlabs(1));
  tree.loader(() => {}).finish(17);
  tree.verify();
  const view = tree.view();
  expect([view.revision, view.size, view.count(all)]).toEqual([17, 0, 0]);
});

test("later events free what they replace before the memory is full", () => {
  const tree = new Tree(reserveSlabs(1));
  const loader = tree.loader(() => {});
  const value = new Uint8Array(300_000);
  // Half as much again as the memory.
  for (let sequence = 1; sequence <= 350; sequence++) {
    const events = [put(`key ${sequence % 35}`, value)];
    loader.load(encode([{ sequence, time: 1, events, request: undefined }], sequence - 1), sequence - 1);
  }
  loader.finish();
  tree.verify();
  expect(tree.size).toBe(35);
  expect(tree.get("key 0")?.revision).toBe(350);
});

test(`rejects the bytes that the decoder rejects (seed ${seed})`, () => {
  const random = createRandom(seed);
  const [pattern] = keyPatterns as [KeyPattern];
  const failure = (read: () => void) => {
    try {
      read();
      return undefined;
    } catch (error) {
      return (error as Error).constructor;
    }
  };
  const slabs = reserveSlabs(1);
  const outcomes = new Set<unknown>();
  for (let round = 0; round < 250 * rounds; round++) {
    const transactions = [1, 2, 3].map((sequence) => {
      const { events, ...rest } = randomTransaction(sequence, random, pattern);
      return { ...rest, events: events.filter((event) => event.type !== "put" || event.value.length < 30) };
    });
    const bytes = encode(transactions, 0);
    const place = random.below(bytes.length);
    bytes[place] = (bytes[place] as number) ^ (1 << random.below(8));
    const cut = random.chance(0.2) ? bytes.subarray(0, random.below(bytes.length)) : bytes;
    const expected = failure(() => {
      const decoder = new TransactionDecoder(cut, 0);
      while (!decoder.done) decoder.decode();
    });
    outcomes.add(expected);
    const tree = new Tree(slabs);
    expect(failure(() => tree.loader(() => {}).load(cut, 0))).toBe(expected);
  }
  expect(outcomes.size).toBeGreaterThan(2);
});
