import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { createChangeSet } from "../../src/store/change-set.ts";
import { History } from "../../src/store/history.ts";
import { MapStore } from "../../src/store/map-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { TransactionEvent } from "../../src/transaction-log/transaction-logger.ts";
import { applyNext, put, remove } from "./store-model.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** The heap after everything has gone that can go. */
function heapBytes(): number {
  for (let round = 0; round < 3; round++) collectGarbage();
  return process.memoryUsage().heapUsed;
}

const count = 15_000;

/** A new text each time, as a request makes one. */
const text = (content: string) => Buffer.from(content).toString();
const eachKey = (event: (key: string) => TransactionEvent) =>
  Array.from({ length: count }, (_, index) => event(text(`key ${index}`)));
const existing = () => eachKey((key) => put(key, text("x".repeat(64))));

interface Filling {
  /** What is there before the history begins. */
  readonly before: () => TransactionEvent[];
  readonly events: () => TransactionEvent[];
}

const fillings: Readonly<Record<string, Filling>> = {
  "new keys": { before: () => [], events: existing },
  "overwritten keys": { before: existing, events: existing },
  "overwritten keys, of which it has dropped as many": {
    before: existing,
    events: () => [...existing(), ...existing()],
  },
  "deleted keys": { before: existing, events: () => eachKey((key) => remove(key)) },
  "deleted keys beyond ASCII": {
    before: () => existing().map((event) => ({ ...event, key: `\ue000${event.key}` })),
    events: () => eachKey((key) => remove(`\ue000${key}`)),
  },
  "one key, written again and again": {
    before: () => [],
    events: () => existing().map((event) => ({ ...event, key: "key" })),
  },
};

/** A function of its own: after it has returned, no frame on the stack keeps the events. */
function applyAll(events: readonly TransactionEvent[], store: Store, history?: History): void {
  for (const event of events) {
    const changes = applyNext(store, event);
    history?.add(createChangeSet(store.revision, 1_700_000_000_000 + store.revision, changes));
  }
}

test.each(Object.entries(fillings))(
  "a history of %s occupies no more than it is counted with",
  (_, filling) => {
    const [store, plain] = [new MapStore(), new MapStore()];
    applyAll(filling.before(), store);
    applyAll(filling.before(), plain);
    const start = heapBytes();
    applyAll(filling.events(), plain);
    const grown = heapBytes() - start;
    const history = new History(
      { watchHistoryEventsMax: count, watchHistoryBytesMax: Number.MAX_SAFE_INTEGER },
      store.revision,
    );
    const before = heapBytes();
    applyAll(filling.events(), store, history);
    const occupied = heapBytes() - before - grown;
    expect(occupied).toBeLessThan(history.bytes + 1_000_000);
    expect(history.bytes).toBeLessThan(2 * occupied + 1_000_000);
    expect(store.size).toBe(plain.size);
  },
);
