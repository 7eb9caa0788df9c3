import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { RequestIndex, requestBytesMax } from "../../src/committer/request-index.ts";
import { toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import { encodeRequestRecord } from "../../src/transaction-log/codec/request-record.ts";
import type { PutEvent, RequestResult, Transaction } from "../../src/transaction-log/transaction-logger.ts";
import { uuid7 } from "../support/uuid7.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Of the heap, and of byte arrays outside of it. */
function memoryBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const start = 1_700_000_000_000;

function result(revision: number): RequestResult {
  const [createRevision, version] = [revision, 1];
  return {
    entry: { revision, createRevision, version, updateTime: start, expireTime: start },
    deleted: false,
  };
}

const noHash = { copyEntryHash() {} };
const plainPut: PutEvent = {
  type: "put",
  key: "",
  value: "",
  createRevision: 1,
  version: 1,
  expireTime: 0,
};

test.each([
  ["plain puts", 20_000, 0],
  ["puts", 20_000, 1],
  ["commits of 100 puts", 1000, 100],
])("remembered %s occupy no more than they are counted with", (_, count, mutations) => {
  const before = memoryBytes();
  const index = new RequestIndex(noHash);
  for (let sequence = 1; sequence <= count; sequence++) {
    const time = start + sequence;
    const results = Array.from({ length: mutations }, () => result(sequence));
    const request: Transaction["request"] =
      mutations === 0
        ? toRequestId(uuid7(time))
        : encodeRequestRecord({ id: uuid7(time), digest: uuid7(time), results });
    index.applied({ sequence, time, events: [plainPut], request });
  }
  const occupied = memoryBytes() - before;
  expect(index.size).toBe(count);
  console.log(`${occupied / count} bytes each, counted ${index.bytes / count}`);
  expect(occupied).toBeLessThanOrEqual(index.bytes);
  expect(index.bytes).toBeLessThan(2 * occupied);
  // What is assumed before the results are known.
  expect(index.bytes).toBeLessThanOrEqual(count * requestBytesMax(Math.max(1, mutations)));
});
