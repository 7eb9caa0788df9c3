import { expect, test } from "vitest";
import { type CopyHash, RequestTable } from "../../src/committer/request-table.ts";
import { toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { expectSame } from "../support/same.ts";

/** What is added at a revision. */
interface Added {
  readonly bytes: Uint8Array;
  readonly isPut: boolean;
}

const copyHashOf =
  (revision: number): CopyHash =>
  (target, offset) => {
    for (let lane = 0; lane < 4; lane++) target[offset + lane] = revision * 4 + lane;
  };

function add(table: RequestTable, { bytes, isPut }: Added, revision: number): void {
  const id = toRequestId(bytes);
  if (isPut) table.addPut(id, revision, revision + 1, revision + 2, 2 ** 40 + revision, copyHashOf(revision));
  else table.addRecord(id, bytes, revision);
}

function expectFound(table: RequestTable, { bytes, isPut }: Added, revision: number): void {
  const found = table.find(toRequestId(bytes));
  if (!isPut) return expectSame(found, { revision, record: bytes });
  const [createRevision, version, updateTime] = [revision + 1, revision + 2, 2 ** 40 + revision];
  expectSame(found, {
    result: { revision, createRevision, version, updateTime, expireTime: 0 },
    hash: Int32Array.from([0, 1, 2, 3], (lane) => revision * 4 + lane),
  });
}

/** A put, or a record of any length. Its id may differ from that of `before` in one bit. */
function randomRequest(random: Random, before: Added | undefined): Added {
  const isPut = random.chance(0.5);
  const length = random.chance(0.006) ? 60_000 + random.below(50_000) : 16 + random.below(100);
  const bytes = Uint8Array.from({ length: isPut ? 16 : length }, () => random.below(256));
  if (before !== undefined && random.chance(0.3)) {
    bytes.set(before.bytes.subarray(0, 16));
    const at = random.below(16);
    bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
  }
  return { bytes, isPut };
}

test(`puts and records are found by their ids, in chunks and slots that grow (seed ${seed})`, () => {
  const random = createRandom(seed);
  const table = new RequestTable();
  const known: Added[] = [];
  while (known.length < 2000) {
    const added = randomRequest(random, known.at(-1));
    if (table.find(toRequestId(added.bytes))) continue;
    known.push(added);
    add(table, added, known.length);
    expectFound(table, added, known.length);
    const some = random.below(known.length);
    expectFound(table, known[some] as Added, some + 1);
  }
  expect(table.size).toBe(known.length);
  known.forEach((added, index) => {
    expectFound(table, added, index + 1);
    const other = Uint8Array.from(added.bytes.subarray(0, 16), (byte) => byte ^ 1);
    expect(table.find(toRequestId(other))).toBeUndefined();
  });
});

test("ids with equal hashes are distinguished by each of their words", () => {
  const table = new RequestTable();
  const id = { hash: -7, a: 1, b: 2, c: 3, d: 4 };
  const ids = [id, { ...id, a: 9 }, { ...id, b: 9 }, { ...id, c: 9 }, { ...id, d: 9 }];
  ids.forEach((each, index) => {
    expect(table.find(each)).toBeUndefined();
    table.addPut(each, index, 1, 1, 1, copyHashOf(0));
  });
  expect(ids.map((each) => table.find(each))).toMatchObject(
    ids.map((_, revision) => ({ result: { revision } })),
  );
});
