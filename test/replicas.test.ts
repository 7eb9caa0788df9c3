import { expect, test } from "vitest";
import { Replicas } from "../src/replicas.ts";
import type { LogOwner, TransactionLogger } from "../src/transaction-log/transaction-logger.ts";

const now = 1_000_000;

function writerAmong(...owners: readonly Pick<LogOwner, "id" | "self" | "address" | "seenTime">[]) {
  const logger = { owners, clock: { now: () => now } } as unknown as TransactionLogger;
  const replicas = new Replicas(
    logger,
    { revision: 1, time: now },
    () => now,
    (id) => id === "damaged",
  );
  return replicas.writer()?.id;
}

const own = { id: "m", self: true, address: "h:1", seenTime: now };
const lower = { id: "a", self: false, address: "h:2", seenTime: now };

test("the writer is the replica with the lowest id", () => {
  expect(writerAmong(own, lower)).toBe("a");
  expect(writerAmong(own, { ...lower, id: "z" })).toBe("m");
});

test("a replica whose last heartbeat is 3 s old is not the writer", () => {
  expect(writerAmong(own, { ...lower, seenTime: now - 2_999 })).toBe("a");
  expect(writerAmong(own, { ...lower, seenTime: now - 3_000 })).toBe("m");
});

test("a replica that holds other entries is not the writer of this one", () => {
  expect(writerAmong({ ...own, id: "m" }, { ...lower, id: "damaged" })).toBe("m");
});

test("a replica without an address is not the writer, and has none", () => {
  expect(writerAmong(own, { ...lower, address: undefined })).toBe("m");
  expect(writerAmong({ ...own, address: undefined }, lower)).toBeUndefined();
});
