import { expect, test } from "vitest";
import { BatchRequestTable } from "../../src/committer/batch-request-table.ts";
import { type RequestId, toRequestId } from "../../src/committer/request-id.ts";
import { recordBytes } from "../../src/committer/request-table.ts";
import { createRandom, seed } from "../support/random.ts";
import { uuid7 } from "../support/uuid7.ts";

test(`a batch finds its own requests, few or many, and forgets them (seed ${seed})`, () => {
  const random = createRandom(seed);
  const table = new BatchRequestTable();
  for (const count of [1, 130, 3000, 0, 40]) {
    const known: { readonly id: RequestId; readonly record: Uint8Array }[] = [];
    const absent: RequestId[] = [];
    let bytes = 0;
    for (let revision = 1; revision <= count; revision++) {
      const record = new Uint8Array(16 + random.below(100));
      record.set(uuid7(1_700_000_000_000));
      // One bit more or less is another id.
      const other = record.slice(0, 16);
      const at = random.below(16);
      other[at] = (other[at] as number) ^ (1 << random.below(8));
      const [id, otherId] = [toRequestId(record), toRequestId(other)];
      expect([table.find(id), table.find(otherId)]).toEqual([undefined, undefined]);
      table.add(id, record, revision);
      known.push({ id, record });
      absent.push(otherId);
      bytes += recordBytes(record.length);
    }
    known.forEach(({ id, record }, index) => {
      const found = table.find({ ...id });
      expect(found?.record).toBe(record);
      expect(found?.revision).toBe(index + 1);
    });
    for (const id of absent) expect(table.find(id)).toBeUndefined();
    expect(table.bytes).toBe(bytes);
    table.clear();
    for (const { id } of known) expect(table.find(id)).toBeUndefined();
    expect(table.bytes).toBe(0);
  }
});

test("ids with equal hashes are distinguished by each of their words", () => {
  const table = new BatchRequestTable();
  const id = { time: 1, hash: 7, a: 1, b: 2, c: 3, d: 4 };
  const ids = [id, { ...id, a: 9 }, { ...id, b: 9 }, { ...id, c: 9 }, { ...id, d: 9 }];
  ids.forEach((each, index) => {
    expect(table.find(each)).toBeUndefined();
    table.add(each, new Uint8Array(16), index);
  });
  expect(ids.map((each) => table.find(each)?.revision)).toEqual([0, 1, 2, 3, 4]);
});
