import { expect, test } from "vitest";
import { hashId, idBytesOf, toRequestId } from "../../src/committer/request-id.ts";
import { RequestTable } from "../../src/committer/request-table.ts";
import { createRandom, seed } from "../support/random.ts";

function holds(table: RequestTable, record: Uint8Array): boolean {
  const found = table.find(toRequestId(record))?.record;
  return found !== undefined && Buffer.compare(found, record) === 0;
}

test(`records are found by their ids, in chunks and slots that grow (seed ${seed})`, () => {
  const random = createRandom(seed);
  const table = new RequestTable();
  const records: Uint8Array[] = [];
  for (let revision = 1; revision <= 5000; revision++) {
    const length = random.chance(0.003) ? 60_000 + random.below(50_000) : 16 + random.below(100);
    const record = Uint8Array.from({ length }, () => random.below(256));
    // Ids that differ in one bit, too.
    const before = records.at(-1);
    if (before && random.chance(0.3)) {
      record.set(before.subarray(0, 16));
      const at = random.below(16);
      record[at] = (record[at] as number) ^ (1 << random.below(8));
    }
    if (table.find(toRequestId(record))) continue;
    table.add(record, hashId(record), revision);
    records.push(record);
    expect(table.find(toRequestId(record))?.revision).toBe(revision);
    for (const some of [record, random.pick(records)]) expect(holds(table, some)).toBe(true);
  }
  expect(table.size).toBe(records.length);
  for (const record of records) {
    expect(holds(table, record)).toBe(true);
    const other = Uint8Array.from(record.subarray(0, 16), (byte) => byte ^ 1);
    expect(table.find(toRequestId(other))).toBeUndefined();
  }
});

test("ids that differ in the high bits of a few bytes have different hashes", () => {
  const id = Buffer.from("0193a000000070008000000000000000", "hex");
  const hashes = new Set<number>();
  for (let number = 0; number < 4096; number++) {
    [7, 11, 15].forEach((at, index) => id.writeUInt8(((number >> (4 * index)) & 15) << 4, at));
    hashes.add(hashId(id));
  }
  expect(hashes.size).toBeGreaterThan(4000);
});

test("an id has the time, the bytes and the hash of its bytes", () => {
  const bytes = Buffer.from("0193a0fe0102f7008000ffffffff7f80", "hex");
  const id = toRequestId(bytes);
  expect([id.time, id.hash]).toEqual([0x0193a0fe0102, hashId(bytes)]);
  expect(Buffer.from(idBytesOf(id))).toEqual(bytes);
});
