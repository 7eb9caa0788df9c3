import { expect, test } from "vitest";
import { Allocator } from "../../../src/store/memory/allocator.ts";
import { Records } from "../../../src/store/memory/records.ts";
import { SearchKey } from "../../../src/store/memory/search-key.ts";
import { noRef, type Ref, reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { writeRecord } from "../../../src/store/memory/write-record.ts";
import { HashIndex, unknown } from "../../../src/store/tree/hash-index.ts";
import { createRandom, seed } from "../../support/random.ts";

/** An index, and a map that tells what it must find. `hash` replaces the index's own. */
class MirroredIndex {
  readonly #slabs = reserveSlabs(1);
  readonly #allocator = new Allocator(this.#slabs);
  readonly #key = new SearchKey();
  readonly #hash: ((key: string) => number) | undefined;
  readonly index = new HashIndex(new Records(this.#slabs));
  readonly refs = new Map<string, Ref>();

  constructor(hash?: (key: string) => number) {
    this.#hash = hash;
  }

  put(key: string): void {
    const hash = this.#select(key);
    const before = this.refs.get(key);
    const head = { value: "", revision: 1, createRevision: 1, version: 1, updateTime: 1, expireTime: 0 };
    const ref = writeRecord(this.#slabs, this.#allocator, this.#key, { key, ...head });
    if (before === undefined) this.index.add(hash, ref);
    else this.index.replace(hash, before, ref);
    this.refs.set(key, ref);
  }

  remove(key: string): void {
    const ref = this.refs.get(key);
    if (ref === undefined) return;
    this.index.remove(this.#select(key), ref);
    this.refs.delete(key);
  }

  find(key: string): Ref {
    const hash = this.#select(key);
    return this.index.find(this.#key, hash);
  }

  #select(key: string): number {
    this.#key.setText(key);
    return this.#hash?.(key) ?? this.index.hash(this.#key);
  }
}

test(`finds what a map finds, as it grows and shrinks (seed ${seed})`, () => {
  const random = createRandom(seed);
  const mirrored = new MirroredIndex();
  for (let step = 0; step < 60_000; step++) {
    const key = `key ${random.below(40_000)}`;
    if (random.chance(step < 40_000 ? 0.8 : 0.2)) mirrored.put(key);
    else mirrored.remove(key);
    const other = `key ${random.below(40_000)}`;
    const isRight = (each: string) =>
      [mirrored.refs.get(each) ?? noRef, unknown].includes(mirrored.find(each));
    if (!isRight(key) || !isRight(other)) expect.fail(`step ${step}: ${key} or ${other}`);
  }
  mirrored.index.verify(mirrored.refs.values());
});

test(`keys with the same hash neither get lost nor let it grow (seed ${seed})`, () => {
  const random = createRandom(seed);
  const mirrored = new MirroredIndex((key) => (key.startsWith("same") ? 0x12345678 : Number(key) | 0));
  for (let step = 0; step < 20_000; step++) mirrored.put(String(random.below(2 ** 31)));
  for (let index = 0; index < 5000; index++) mirrored.put(`same ${index}`);
  const results = [...mirrored.refs].map(([key, ref]) => [mirrored.find(key), ref] as const);
  expect(results.filter(([result, ref]) => result !== ref && result !== unknown)).toEqual([]);
  const found = results.filter(([result]) => result !== unknown).length;
  expect(found).toBeGreaterThan(15_000);
  expect(found).toBeLessThan(22_000);
  for (let index = 0; index < 5000; index++) mirrored.remove(`same ${index}`);
  const left = [...mirrored.refs].filter(([key, ref]) => ![ref, unknown].includes(mirrored.find(key)));
  expect(left).toEqual([]);
});

test("the hash is MurmurHash3 with 32 bits", () => {
  const key = new SearchKey();
  const hashOf = (text: string, keySeed: number) => {
    key.setText(text);
    return key.hash(keySeed) >>> 0;
  };
  expect(hashOf("", 1)).toBe(0x514e28b7);
  expect(hashOf("test", 0)).toBe(0xba6bd213);
  expect(hashOf("Hello, world!", 0)).toBe(0xc0363e43);
  expect(hashOf("The quick brown fox jumps over the lazy dog", 0x9747b28c)).toBe(0x2fa826cd);
});
