import { keyRange, prefixRange } from "../../../src/store/key-range.ts";
import { reserveSlabs } from "../../../src/store/memory/slabs.ts";
import type { VersionOptions } from "../../../src/store/tree/versions.ts";
import type { TransactionEvent, Value } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, type Random } from "../../support/random.ts";
import { put, remove, touch } from "../store-model.ts";
import { type MirroredSnapshot, MirroredTree } from "./mirrored-tree.ts";

/** How the keys of a run look, and the order in which they are first put. */
export interface KeyPattern {
  readonly name: string;
  readonly key: (index: number, random: Random) => string;
  /** Prefixes that ranges are made of. */
  readonly prefixes: readonly string[];
}

const padded = (index: number) => String(index).padStart(8, "0");

export const keyPatterns: readonly KeyPattern[] = [
  {
    name: "ascending",
    key: (index) => `key/${padded(index)}`,
    prefixes: ["", "key/", "key/0000", "key/00001"],
  },
  { name: "descending", key: (index) => `key/${padded(99_999 - index)}`, prefixes: ["", "key/0009", "l"] },
  { name: "random", key: (_, random) => random.below(2 ** 31).toString(36), prefixes: ["", "a", "1", "zz"] },
  {
    name: "growing in several places",
    key: (index, random) => `${random.pick(["a", "m", "z"])}/${padded(index)}`,
    prefixes: ["", "a/", "m/00000", "z/"],
  },
  {
    name: "long common prefixes",
    key: (_, random) => `${"p".repeat(random.pick([0, 1, 3, 4, 5, 100, 500]))}${random.below(100)}`,
    prefixes: ["", "p", "ppp", "p".repeat(100), "p".repeat(501)],
  },
  {
    name: "one a prefix of the next",
    key: (index) => "x".repeat(1 + (index % 900)),
    prefixes: ["", "x", "xxxx", "x".repeat(450)],
  },
  {
    name: "Unicode",
    key: (_, random) =>
      Array.from({ length: 1 + random.below(4) }, () =>
        random.pick([
          "a",
          "\u007f",
          "é",
          "\u07ff",
          "漢",
          "\ud7ff",
          "\ue000",
          "\uffff",
          "\u{10000}",
          "\u{10ffff}",
        ]),
      ).join(""),
    prefixes: ["", "a", "é", "\uffff", "\u{10000}", "\u{10ffff}", "漢"],
  },
];

const valueBytesMax = 1024 * 1024;

export function randomValue(random: Random): Value {
  if (random.chance(0.002)) return "v".repeat(random.pick([valueBytesMax, 32 * 1024, 70_000]));
  const length = random.chance(0.1) ? 0 : random.below(random.pick([20, 200, 2000]));
  if (random.chance(0.1)) return new Uint8Array(length).fill(random.below(256));
  return random.pick(["x", "é", "\u{1f600}"]).repeat(length);
}

/**
 * Puts, deletes and touches keys of a pattern in a tree and in a store, several in a version, while snapshots are held;
 * compares ranges, counts, entries and snapshots; verifies the tree. `options` are those of the tree.
 */
export function runRandomOperations(
  seed: number,
  pattern: KeyPattern,
  steps: number,
  options: VersionOptions,
): void {
  const random = createRandom(seed);
  const mirrored = new MirroredTree(reserveSlabs(2), options);
  const keys: string[] = [];
  const snapshots: MirroredSnapshot[] = [];
  const randomRange = () => {
    if (random.chance(0.5)) return prefixRange(random.pick(pattern.prefixes));
    return keyRange(
      random.pick([...pattern.prefixes, ...keys.slice(-3)]),
      random.pick(["", ...keys.slice(-50)]),
    );
  };
  for (let step = 0; step < steps; step++) {
    // Phases of growth and of decline, so that pages split and merge.
    const growth = step % (steps / 4) < steps / 6 ? 0.8 : 0.1;
    const events = new Map<string, TransactionEvent>();
    for (let count = random.below(4); count >= 0; count--) {
      if (random.chance(growth)) keys.push(pattern.key(keys.length, random));
      const key = random.chance(0.3)
        ? (keys.at(-1) ?? "key")
        : random.pick([...keys.slice(0, 1), "key", ...keys.slice(-9)]);
      const isRemoved = random.chance(growth > 0.5 ? 0.1 : 0.3);
      if (isRemoved) events.set(key, remove(key));
      else if (random.chance(0.1)) events.set(key, touch(key, random.below(100)));
      else events.set(key, put(key, randomValue(random), random.chance(0.3) ? 1 + random.below(100) : 0));
    }
    if (growth < 0.5)
      for (let gone = random.below(4); gone > 0 && keys.length > 0; gone--) removeOne(keys, random, events);
    mirrored.change(...events.values());
    for (const key of events.keys()) mirrored.expectSameEntry(key);
    if (random.chance(0.7)) {
      if (random.chance(0.2)) mirrored.tree.evacuate(random.below(200));
      mirrored.publish();
    }
    if (step % 50 === 0) mirrored.expectSame(randomRange());
    if (step % 25 === 0) {
      mirrored.publish();
      snapshots.push(mirrored.snapshot());
      for (const snapshot of snapshots) snapshot.expectSame(randomRange());
      if (snapshots.length > 4 || random.chance(0.1))
        snapshots.splice(random.below(snapshots.length), 1)[0]?.release();
      mirrored.tree.verify();
    }
  }
  for (const prefix of pattern.prefixes) mirrored.expectSame(prefixRange(prefix));
  mirrored.tree.verify();
  for (const snapshot of snapshots) snapshot.release();
  mirrored.publish();
  mirrored.tree.verify();
  if (mirrored.tree.usage.retired !== 0) throw new Error("memory is retired though nobody reads it");
}

function removeOne(keys: string[], random: Random, events: Map<string, TransactionEvent>): void {
  const [key] = keys.splice(random.below(keys.length), 1) as [string];
  events.set(key, remove(key));
}
