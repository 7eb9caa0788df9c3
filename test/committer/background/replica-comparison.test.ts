import { expect, test } from "vitest";
import { ReplicaComparison } from "../../../src/committer/background/replica-comparison.ts";
import { silentLogger } from "../../../src/logging.ts";
import { MapStore } from "../../../src/store/map-store.ts";
import type { LogOwner } from "../../../src/transaction-log/transaction-logger.ts";
import { applyNext, put } from "../../store/store-model.ts";

function start() {
  const store = new MapStore();
  const logger: { owners: LogOwner[]; onOwners: () => void } = { owners: [], onOwners() {} };
  const errors: object[] = [];
  const log = { ...silentLogger, error: (fields: object) => void errors.push(fields) };
  const comparison = new ReplicaComparison({ store, logger, log });
  return {
    store,
    comparison,
    errors,
    write: (value: string): string => {
      applyNext(store, put("key", value));
      comparison.applied();
      return store.hash;
    },
    hear: (...owners: readonly Partial<LogOwner>[]): void => {
      const someone = {
        id: "other",
        self: false,
        applied: 0,
        hash: undefined,
        seenTime: 1,
        address: undefined,
      };
      logger.owners = owners.map((owner) => ({ ...someone, ...owner }));
      logger.onOwners();
    },
  };
}

test("replicas are compared at equal revisions, not as they are now", () => {
  const { write, hear, comparison } = start();
  const first = write("1");
  write("2");
  hear({ applied: 1, hash: first });
  expect([comparison.differing, comparison.fault]).toEqual([0, undefined]);
  hear({ applied: 2, hash: first });
  expect(comparison.differing).toBe(1);
  expect(comparison.fault).toMatch(/^replicas differ: of the replicas at revision 2, 1 hold other entries/);
});

test("a replica that is ahead is compared when its revision is reached", () => {
  const { write, hear, comparison, errors } = start();
  hear({ applied: 2, hash: "other" });
  // A later word does not put it off.
  hear({ applied: 9, hash: "other" });
  write("1");
  expect(comparison.fault).toBeUndefined();
  write("2");
  expect(comparison.fault).toMatch(/^replicas differ/);
  expect(errors).toEqual([expect.objectContaining({ replica: "other", revision: 2, otherHash: "other" })]);
});

test("a replica that has gone, is this one, or has no hash differs from nothing", () => {
  const { write, hear, comparison } = start();
  write("1");
  hear({ applied: 1, hash: "other" });
  expect(comparison.differing).toBe(1);
  hear({ id: "me", self: true, applied: 1, hash: "other" }, { id: "old", applied: 1 });
  expect([comparison.differing, comparison.fault]).toEqual([0, undefined]);
});

test("only a replica that is not with the majority must not serve", () => {
  const { write, hear, comparison, errors } = start();
  const hash = write("1");
  const [same, one, two] = [
    { id: "same", applied: 1, hash },
    { id: "one", applied: 1, hash: "x" },
    { id: "two", applied: 1, hash: "x" },
  ];
  hear(same, one);
  expect([comparison.differing, comparison.fault]).toEqual([1, undefined]);
  hear(same, one, two);
  expect([comparison.differing, comparison.fault]).toEqual([2, expect.stringMatching(/^replicas differ/)]);
  hear(same, one, two);
  expect(errors).toHaveLength(2);
});

test("a revision that is too long ago is not compared", () => {
  const { write, hear, comparison } = start();
  for (let revision = 1; revision <= 40_000; revision++) write("");
  hear({ applied: 1, hash: "other" });
  expect(comparison.differing).toBe(0);
});
