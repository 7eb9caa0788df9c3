import { expect, test } from "vitest";
import { BatchRequestTable } from "../../src/committer/batch-request-table.ts";
import { type RequestId, toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import { createRandom, seed } from "../support/random.ts";
import { expectSame } from "../support/same.ts";
import { uuid7 } from "../support/uuid7.ts";
import { operation } from "./committing.ts";

const request = (id: RequestId, revision: number) => ({
  id,
  operation: operation([]),
  outcome: { revision, results: [] },
});

test(`a batch finds its own requests, few or many, and forgets them (seed ${seed})`, () => {
  const random = createRandom(seed);
  const table = new BatchRequestTable();
  for (const count of [1, 130, 3000, 0, 40]) {
    const known: RequestId[] = [];
    const absent: RequestId[] = [];
    for (let revision = 1; revision <= count; revision++) {
      const bytes = uuid7(1_700_000_000_000);
      const id = toRequestId(bytes);
      // One bit more or less is another id.
      const at = random.below(16);
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      const other = toRequestId(bytes);
      expectSame([table.find(id), table.find(other)], [undefined, undefined]);
      table.add(request(id, revision));
      known.push(id);
      absent.push(other);
    }
    known.forEach((id, index) => {
      expectSame(table.find({ ...id })?.outcome.revision, index + 1);
    });
    for (const id of absent) expectSame(table.find(id), undefined);
    table.clear();
    for (const id of known) expectSame(table.find(id), undefined);
  }
});

test("ids with equal hashes are distinguished by each of their words", () => {
  const table = new BatchRequestTable();
  const id = { hash: 7, a: 1, b: 2, c: 3, d: 4 };
  const ids = [id, { ...id, a: 9 }, { ...id, b: 9 }, { ...id, c: 9 }, { ...id, d: 9 }];
  ids.forEach((each, index) => {
    expect(table.find(each)).toBeUndefined();
    table.add(request(each, index));
  });
  expect(ids.map((each) => table.find(each)?.outcome.revision)).toEqual([0, 1, 2, 3, 4]);
});
