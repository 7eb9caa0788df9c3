import { describe, expect, test } from "vitest";
import { type Call, isLinearizable } from "../support/linearizability.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { checkWithPorcupine, hasPorcupine } from "./porcupine.ts";
import { type StoreOperation, storeModel } from "./store-model.ts";

type History = readonly Call<StoreOperation>[];

const put = (value: string) => ({ kind: "put", writes: new Map([["a", value]]) }) as const;
const get = (value: string | undefined) => ({ kind: "get", found: new Map([["a", value]]) }) as const;
const swap = (from: string | undefined, to: string, swapped: boolean | undefined) =>
  ({ kind: "swap", key: "a", from, to, swapped }) as const;
const remove = (deleted: boolean | undefined) => ({ kind: "delete", key: "a", deleted }) as const;
const never = Number.POSITIVE_INFINITY;

const histories: readonly [string, "Ok" | "Illegal", ...(readonly [number, number, StoreOperation])[]][] = [
  ["a read after a write", "Ok", [1, 2, put("1")], [3, 4, get("1")]],
  ["a stale read", "Illegal", [1, 2, put("1")], [3, 4, put("2")], [5, 6, get("1")]],
  [
    "a read during a write, of either value",
    "Ok",
    [1, 4, put("1")],
    [2, 3, get(undefined)],
    [5, 6, get("1")],
  ],
  ["values in two orders", "Illegal", [1, 9, put("1")], [2, 3, get("1")], [4, 5, get(undefined)]],
  [
    "two swaps of one value",
    "Illegal",
    [1, 2, swap(undefined, "1", true)],
    [1, 3, swap(undefined, "2", true)],
  ],
  ["a lost swap", "Ok", [1, 2, swap(undefined, "1", true)], [1, 3, swap(undefined, "2", false)]],
  ["a write that took effect without a response", "Ok", [1, never, put("1")], [2, 3, get("1")]],
  ["a write that did not", "Ok", [1, never, put("1")], [2, 3, get(undefined)]],
  ["one that was taken back", "Illegal", [1, never, put("1")], [2, 3, get("1")], [4, 5, get(undefined)]],
  [
    "a swap of unknown outcome",
    "Ok",
    [1, 2, put("1")],
    [3, never, swap("1", "2", undefined)],
    [4, 5, get("2")],
  ],
  ["a delete of nothing", "Illegal", [1, 2, put("1")], [3, 4, remove(false)]],
  [
    "a delete of unknown outcome",
    "Ok",
    [1, 2, put("1")],
    [3, never, remove(undefined)],
    [4, 5, get(undefined)],
  ],
];

describe.skipIf(!hasPorcupine)("Porcupine", () => {
  test("finds planted violations", { timeout: 120_000 }, async () => {
    const calls = histories.map(([, , ...history]) =>
      history.map(([begin, end, operation]) => ({ begin, end, operation })),
    );
    const verdicts = (await checkWithPorcupine(calls)).map((verdict, index) => [
      histories[index]?.[0],
      verdict,
    ]);
    expect(verdicts).toEqual(histories.map(([name, verdict]) => [name, verdict]));
  });

  test(`agrees with the search of these tests (seed ${seed})`, { timeout: 120_000 }, async () => {
    const random = createRandom(seed);
    const cases = Array.from({ length: 500 * rounds }, () => randomHistory(random));
    const verdicts = await checkWithPorcupine(cases);
    const found = cases.map((calls) => (isLinearizable(storeModel, calls) ? "Ok" : "Illegal"));
    expect(verdicts).toEqual(found);
    for (const verdict of ["Ok", "Illegal"]) {
      expect(found.filter((each) => each === verdict).length).toBeGreaterThan(found.length / 20);
    }
  });
});

/** Calls on one key at the same time, with responses that are right now and then. */
function randomHistory(random: Random): History {
  const value = () => random.pick([undefined, "0", "1"]);
  const flag = () => random.pick([true, false]);
  return Array.from({ length: 4 + random.below(4) }, (_, index) => {
    const begin = 2 * index + 1;
    const isAnswered = random.chance(0.9);
    const end = isAnswered ? begin + 1 + 2 * random.below(5) : never;
    const kind = random.below(isAnswered ? 6 : 3);
    const operation =
      kind === 0
        ? put(`${random.below(2)}`)
        : kind === 1
          ? swap(value(), `${random.below(2)}`, isAnswered ? flag() : undefined)
          : kind === 2
            ? remove(isAnswered ? flag() : undefined)
            : get(value());
    return { begin, end, operation };
  });
}
