import { expect } from "vitest";
import type { Mutation, Operation } from "../../../src/committer/operation.ts";
import { type Selector, unite } from "../../../src/store/watch/selector.ts";
import { createRandom, type Random, seed } from "../../support/random.ts";
import { expectFaithful } from "./watch-validator.ts";
import { RandomWatcher, WatchWorld } from "./watch-world.ts";

const kindsOfEnds = new Set(["left", "SHUTTING_DOWN", "WATCHER_TOO_SLOW", "REVISION_COMPACTED"]);

const folders = ["a/", "a/b/", "b", "\u{1f600}/", "\ue000/"];
const keys = folders.flatMap((folder) => Array.from({ length: 12 }, (_, index) => `${folder}${index}`));

/**
 * Commits at least `operations` random operations while watchers come and go, and asserts that each saw what happened:
 * ordered, unique, reliable, atomic, resumable.
 */
export async function watchRandomOperations(operations: number): Promise<void> {
  const random = createRandom(seed);
  const world = await WatchWorld.start({
    watchHistoryEventsMax: 600,
    watchQueueBytesMax: 60_000,
    pageEntriesMax: 7,
    storeBytesMax: 1024 * 1024,
  });
  const selectors: Selector[] = [
    { prefix: "" },
    { prefix: "" },
    ...folders.map((prefix) => ({ prefix })),
    { prefix: "a/b/1" },
    { prefix: "none" },
    ...keys.slice(0, 12).map((key) => ({ key })),
    { key: "never there" },
    unite(keys.slice(0, 5), folders.slice(0, 2)),
    unite(keys.slice(3, 9), []),
    unite([], folders.slice(1)),
  ];
  let last: number | undefined;
  const watchers = selectors.map((selector) => new RandomWatcher(world, selector, random));
  const watching = Promise.all(watchers.map((watcher) => watcher.run(() => last)));

  let running: Promise<unknown>[] = [];
  // Fewer kinds of ends would prove little.
  const ends = () => new Set(watchers.flatMap((watcher) => [...watcher.ends.keys()]));
  for (let count = 0; count < operations || ends().size < kindsOfEnds.size; count++) {
    running.push(world.committer.commit(randomOperation(random)).catch(ignoreRefusal));
    if (random.chance(0.05)) running.push(world.expire(random.below(500)));
    if (random.chance(0.1)) {
      await Promise.all(running);
      running = [];
    }
    if (random.chance(0.002)) await world.compact();
    if (random.chance(0.001)) {
      await Promise.all(running);
      await world.restart();
    }
  }
  await Promise.all(running);
  last = world.truth.revision;
  await watching;

  const known = watchers.map((watcher) => expectFaithful(world.truth, watcher));
  expect(known).toEqual(selectors.map(() => last));
  expect(world.hub.watchers).toBe(0);
  await world.close();
  expect(ends()).toEqual(kindsOfEnds);
}

function randomOperation(random: Random): Operation {
  const chosen = new Set(
    Array.from({ length: random.chance(0.7) ? 1 : 1 + random.below(6) }, () => random.pick(keys)),
  );
  const mutations = [...chosen].map((key): Mutation => {
    if (random.chance(0.3)) return { type: "delete", key, expired: false };
    const ttlMs = random.chance(0.3) ? 1000 + random.below(1000) : 0;
    return { type: "put", key, value: "x".repeat(random.below(200)), ttlMs };
  });
  const checks = random.chance(0.2)
    ? [{ key: random.pick(keys), condition: { exists: random.chance(0.5) } }]
    : [];
  return { checks, mutations, requestId: undefined };
}

function ignoreRefusal(error: { readonly reason?: string }): void {
  if (error.reason !== "REVISION_MISMATCH" && error.reason !== "KEY_EXISTS") throw error;
}
