import { expect, test } from "vitest";
import {
  idBytesOf,
  timeOf,
  toRequestId,
  writeRequestId,
} from "../../../src/transaction-log/codec/request-id.ts";

test("an id has the time and the bytes of its bytes, wherever they are", () => {
  for (const digits of ["0193a0fe0102f7008000ffffffff7f80", "ff8180feff80f7ffbfffffffffffffff"]) {
    const bytes = Buffer.from(digits, "hex");
    const id = toRequestId(bytes);
    expect(timeOf(id)).toBe(bytes.readUIntBE(0, 6));
    expect(Buffer.from(idBytesOf(id))).toEqual(bytes);
    const longer = Buffer.alloc(20);
    expect(writeRequestId(longer, id, 3)).toBe(19);
    expect(longer.toString("hex")).toBe(`000000${digits}00`);
    expect(toRequestId(longer, 3)).toEqual(id);
  }
});

test("ids that differ in the high bits of a few bytes have different hashes", () => {
  const bytes = Buffer.from("0193a000000070008000000000000000", "hex");
  const hashes = new Set<number>();
  for (let number = 0; number < 4096; number++) {
    [7, 11, 15].forEach((at, index) => bytes.writeUInt8(((number >> (4 * index)) & 15) << 4, at));
    hashes.add(toRequestId(bytes).hash);
  }
  expect(hashes.size).toBeGreaterThan(4000);
});
