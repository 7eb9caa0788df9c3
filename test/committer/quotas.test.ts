import { expect, test } from "vitest";
import type { Mutation } from "../../src/committer/operation.ts";
import { entryBytes } from "../../src/store/entry.ts";
import type { Quota } from "../../src/store/quota-usage.ts";
import { createRandom, seed } from "../support/random.ts";
import { contents, operation, outcomeOf, put, remove, startCommitting } from "./committing.ts";

const overhead = entryBytes("k/a", "", 0) - "k/a".length;

function ofEntries(prefix: string, entriesMax: number): Quota {
  return { prefix, bytesMax: undefined, entriesMax };
}

function ofBytes(prefix: string, bytesMax: number): Quota {
  return { prefix, bytesMax, entriesMax: undefined };
}

test("an operation is judged whole, by what would be after it", async () => {
  const { committer, store } = startCommitting({}, [ofEntries("k/", 2)]);
  const commit = (...mutations: Mutation[]) => outcomeOf(committer.commit(operation(mutations)));
  expect(await commit(put("k/a"), put("k/b"), put("k/c"))).toBe("QUOTA_EXCEEDED");
  expect(store.size).toBe(0);
  expect(await commit(put("k/a"), put("k/b"), put("other"))).toBe("OK");
  expect(await commit(put("k/c"), remove("k/a"))).toBe("OK");
  expect(await commit(put("k/a"))).toBe("QUOTA_EXCEEDED");
  // Each by what those before it in the same batch leave.
  const batch = [commit(remove("k/b")), commit(put("k/d")), commit(put("k/e")), commit(put("k/c", "new"))];
  expect(await Promise.all(batch)).toEqual(["OK", "OK", "QUOTA_EXCEEDED", "OK"]);
  expect(Object.keys(contents(store))).toEqual(["k/c", "k/d", "other"]);
});

test("the error names the quota that is exceeded, and nothing else", async () => {
  const { committer } = startCommitting({}, [ofEntries("k/", 1), ofBytes("", 2 * overhead)]);
  await committer.commit(operation([put("k/a")]));
  const failure = (mutation: Mutation) =>
    committer.commit(operation([mutation])).catch((error: unknown) => error);
  expect(await failure(put("k/b"))).toMatchObject({
    reason: "QUOTA_EXCEEDED",
    metadata: { prefix: "k/", entries: "1" },
  });
  const error = await failure(put("secret", "value"));
  expect(error).toMatchObject({ metadata: { prefix: "", bytes: String(2 * overhead) } });
  expect((error as Error).message).not.toMatch(/secret|value/);
});

test("a quota that is exceeded lets entries shrink and go, and takes no new ones", async () => {
  const { committer, quotas } = startCommitting();
  const commit = (...mutations: Mutation[]) => outcomeOf(committer.commit(operation(mutations)));
  await commit(put("k/a", "x".repeat(100)), put("k/b", "x".repeat(100)), put("k/c"));
  quotas.set([{ prefix: "k/", entriesMax: 1, bytesMax: overhead }]);
  expect(await commit(put("k/a", "x".repeat(101)))).toBe("QUOTA_EXCEEDED");
  expect(await commit(put("k/a", "y".repeat(100)))).toBe("OK");
  expect(await commit(put("k/a", "x".repeat(99)))).toBe("OK");
  expect(await commit(put("k/d"), remove("k/b"))).toBe("OK");
  expect(await commit(put("k/b"))).toBe("QUOTA_EXCEEDED");
  expect(await commit(remove("k/a"))).toBe("OK");
  quotas.set([]);
  expect(await commit(put("k/b"))).toBe("OK");
});

test(`operations that come at once are judged as if one after the other (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const quotas = [ofEntries("a/", 6), ofBytes("a/b/", 3 * overhead + 60), ofBytes("c/", 4 * overhead + 100)];
  const { committer, store } = startCommitting({}, quotas);
  const model = new Map<string, number>();
  const expected: string[] = [];
  const outcomes: Promise<string>[] = [];
  const isWithin = (after: ReadonlyMap<string, number>) =>
    quotas.every(({ prefix, bytesMax = Infinity, entriesMax = Infinity }) => {
      const sizes = [...after].filter(([key]) => key.startsWith(prefix)).map(([, bytes]) => bytes);
      return sizes.length <= entriesMax && sizes.reduce((sum, bytes) => sum + bytes, 0) <= bytesMax;
    });
  for (let round = 0; round < 1000; round++) {
    const keys = new Set(Array.from({ length: 1 + random.below(4) }, () => randomKey()));
    const mutations = Array.from(keys, (key) =>
      random.chance(0.4) ? remove(key) : put(key, "x".repeat(random.below(60))),
    );
    const after = new Map(model);
    for (const mutation of mutations) {
      if (mutation.type === "put") after.set(mutation.key, entryBytes(mutation.key, mutation.value, 0));
      else after.delete(mutation.key);
    }
    // The quotas hold from the start, so that one is exceeded exactly when the operation would exceed it.
    expected.push(isWithin(after) ? "OK" : "QUOTA_EXCEEDED");
    if (isWithin(after)) for (const key of keys) set(model, key, after.get(key));
    outcomes.push(outcomeOf(committer.commit(operation(mutations))));
    if (random.chance(0.1)) await Promise.all(outcomes);
  }
  expect(await Promise.all(outcomes)).toEqual(expected);
  expect(new Set(expected).size).toBe(2);
  expect(Object.keys(contents(store)).toSorted()).toEqual([...model.keys()].toSorted());

  function randomKey(): string {
    return `${random.pick(["a/", "a/b/", "c/", "free/"])}${random.below(5)}`;
  }
});

function set(model: Map<string, number>, key: string, bytes: number | undefined): void {
  if (bytes === undefined) model.delete(key);
  else model.set(key, bytes);
}
