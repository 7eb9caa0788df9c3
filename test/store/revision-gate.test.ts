import { expect, test } from "vitest";
import { RevisionGate } from "../../src/store/revision-gate.ts";

const { signal } = new AbortController();
const hour = 3_600_000;

test("lets those through whose revision is reached, and keeps the others waiting", async () => {
  const gate = new RevisionGate();
  const passed: number[] = [];
  const waiting = [3, 1, 2].map((revision) =>
    gate.reached(revision, hour, signal).then(() => passed.push(revision)),
  );
  gate.open(2);
  await Promise.all([waiting[1], waiting[2]]);
  expect(passed.toSorted((a, b) => a - b)).toEqual([1, 2]);
  gate.open(3);
  await waiting[0];
});

test.for([
  ["after the time", 1],
  ["at once when the deadline has passed already", -5],
] as const)("gives up %s", async ([, timeoutMs]) => {
  const waiting = new RevisionGate().reached(1, timeoutMs, signal);
  await expect(waiting).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
});

test("waits for longer than a timer can", async () => {
  const gate = new RevisionGate();
  const waiting = gate.reached(1, Number.MAX_SAFE_INTEGER, signal);
  gate.open(1);
  await expect(waiting).resolves.toBeUndefined();
});

test("gives up when the caller goes away, and at shutdown, also later", async () => {
  const gate = new RevisionGate();
  const controller = new AbortController();
  const gone = gate.reached(1, hour, controller.signal);
  const waiting = gate.reached(1, hour, signal);
  controller.abort();
  await expect(gone).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
  gate.close();
  await expect(waiting).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
  await expect(gate.reached(1, hour, signal)).rejects.toMatchObject({ reason: "REVISION_NOT_REACHED" });
});
