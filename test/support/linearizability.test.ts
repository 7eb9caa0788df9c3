import { expect, it } from "vitest";
import { type Call, isLinearizable, type Model } from "./linearizability.ts";

type Operation = { readonly put: string } | { readonly got: string };

const register: Model<string, Operation> = {
  start: "",
  apply: (state, operation) =>
    "put" in operation ? operation.put : operation.got === state ? state : undefined,
  keyOf: (state) => state,
};

function call(operation: Operation, begin: number, end: number): Call<Operation> {
  return { operation, begin, end };
}

const never = Number.POSITIVE_INFINITY;

it.each<[string, readonly Call<Operation>[]]>([
  ["no calls", []],
  ["a read after a write", [call({ put: "a" }, 1, 2), call({ got: "a" }, 3, 4)]],
  ["a read during a write, before its effect", [call({ put: "a" }, 1, 4), call({ got: "" }, 2, 3)]],
  ["a read during a write, after its effect", [call({ put: "a" }, 1, 4), call({ got: "a" }, 2, 3)]],
  [
    "two writes at once and reads that agree",
    [
      call({ put: "a" }, 1, 9),
      call({ put: "b" }, 2, 8),
      call({ got: "b" }, 3, 4),
      call({ got: "a" }, 5, 6),
      call({ got: "a" }, 10, 11),
    ],
  ],
  ["a write without response that was read", [call({ put: "a" }, 1, never), call({ got: "a" }, 2, 3)]],
  ["a write without response that is never read", [call({ put: "a" }, 1, never), call({ got: "" }, 2, 3)]],
])("accepts %s", (_, calls) => {
  expect(isLinearizable(register, calls)).toBe(true);
});

it.each<[string, readonly Call<Operation>[]]>([
  ["a stale read", [call({ put: "a" }, 1, 2), call({ got: "" }, 3, 4)]],
  ["a value that nobody wrote", [call({ put: "a" }, 1, 2), call({ got: "b" }, 3, 4)]],
  ["a read of a write that has not begun", [call({ got: "a" }, 1, 2), call({ put: "a" }, 3, 4)]],
  [
    "reads that disagree about the order of two writes",
    [
      call({ put: "a" }, 1, 9),
      call({ put: "b" }, 2, 8),
      call({ got: "b" }, 3, 4),
      call({ got: "a" }, 5, 6),
      call({ got: "b" }, 10, 11),
    ],
  ],
  [
    "a write without response that is undone",
    [call({ put: "a" }, 1, never), call({ got: "a" }, 2, 3), call({ got: "" }, 4, 5)],
  ],
])("rejects %s", (_, calls) => {
  expect(isLinearizable(register, calls)).toBe(false);
});
