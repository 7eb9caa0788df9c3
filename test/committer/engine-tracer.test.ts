import { expect, test } from "vitest";
import type { CallSpan, EngineTracer } from "../../src/committer/engine-tracer.ts";
import { Freshness } from "../../src/committer/freshness.ts";
import { DuetError } from "../../src/errors.ts";
import { operation, put, startCommitting } from "./committing.ts";

class Recorder implements EngineTracer {
  readonly waits: [span: string, what: string][] = [];
  readonly appends: [spans: string[], outcome: string][] = [];

  waited({ spanId }: CallSpan, what: string, begin: number, end: number): void {
    expect(begin).toBeLessThanOrEqual(end);
    this.waits.push([spanId, what]);
  }

  appended(calls: readonly CallSpan[], begin: number, end: number, outcome: string): void {
    expect(begin).toBeLessThanOrEqual(end);
    this.appends.push([calls.map(({ spanId }) => spanId), outcome]);
  }
}

function span(spanId: string): CallSpan {
  return { traceId: "t", spanId, traceState: "" };
}

test("the calls of a batch share one append; those that are not traced are not in it", async () => {
  const recorder = new Recorder();
  const { committer, logger } = startCommitting({}, [], recorder);
  const commit = (key: string, of?: CallSpan) => committer.commit(operation([put(key)]), of);
  await Promise.all([commit("a", span("1")), commit("b"), commit("c", span("2"))]);
  expect(recorder).toEqual({
    waits: [
      ["1", "queue"],
      ["2", "queue"],
    ],
    appends: [[["1", "2"], "appended"]],
  });
  await Promise.all([commit("d"), commit("e")]);
  expect(recorder.appends).toHaveLength(1);
  logger.failNext(new DuetError("LOG_UNAVAILABLE", "full"));
  await expect(commit("f", span("3"))).rejects.toThrow("full");
  expect(recorder.appends.at(-1)).toEqual([["3"], "LOG_UNAVAILABLE"]);
});

test("a read that asks the log waits for the barrier, also when that fails", async () => {
  const recorder = new Recorder();
  const answers = [
    () => Promise.resolve(0),
    () => Promise.reject(new Error("away")),
    () => Promise.resolve(0),
  ];
  const latestSequence = () => (answers.shift() as (typeof answers)[0])();
  const freshness = new Freshness({
    store: { revision: 0 },
    logger: { shared: true, latestSequence },
    waitMs: 1000,
    tracer: recorder,
  });
  const call = { timeoutMs: () => undefined, signal: new AbortController().signal };
  const requirement = { minRevision: 0, linearizable: true };
  await freshness.reach(requirement, call, span("1"));
  await expect(freshness.reach(requirement, call, span("2"))).rejects.toThrow("away");
  await freshness.reach(requirement, call);
  expect(recorder.waits).toEqual([
    ["1", "barrier"],
    ["2", "barrier"],
  ]);
});
