import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { RequestIndex, requestBytesMax } from "../../src/committer/request-index.ts";
import type { RequestResult } from "../../src/transaction-log/transaction-logger.ts";
import { uuid7Text as uuid7 } from "../support/uuid7.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

function heapBytes(): number {
  collectGarbage();
  collectGarbage();
  return process.memoryUsage().heapUsed;
}

const start = 1_700_000_000_000;

function entry(revision: number): RequestResult {
  return {
    type: "entry",
    revision,
    createRevision: revision,
    version: 1,
    updateTime: start,
    expireTime: start,
  };
}

test.each([
  ["puts", 50_000, 1],
  ["commits of 100 puts", 2000, 100],
])("remembered %s occupy no more than they are counted with", (_, count, mutations) => {
  const before = heapBytes();
  const index = new RequestIndex();
  for (let sequence = 1; sequence <= count; sequence++) {
    const time = start + sequence;
    const results = Array.from({ length: mutations }, () => entry(sequence));
    const request = { id: uuid7(time), digest: uuid7(time), results };
    index.applied({ sequence, time, events: [], request });
  }
  const occupied = heapBytes() - before;
  expect(index.size).toBe(count);
  console.log(`${occupied / count} bytes each, counted ${index.bytes / count}`);
  expect(occupied).toBeLessThanOrEqual(index.bytes);
  expect(index.bytes).toBeLessThan(2 * occupied);
  // What is assumed before the results are known.
  expect(index.bytes).toBeLessThanOrEqual(count * requestBytesMax(mutations));
});
