import { expect, it } from "vitest";
import { UnknownFormatError } from "../../../src/transaction-log/codec/fields.ts";
import { Format1Decoder } from "../../../src/transaction-log/codec/format-1-decoder.ts";
import { toRequestId } from "../../../src/transaction-log/codec/request-id.ts";
import {
  decodeRequestRecord,
  encodeRequestRecord,
} from "../../../src/transaction-log/codec/request-record.ts";
import { TransactionDecoder } from "../../../src/transaction-log/codec/transaction-decoder.ts";
import { TransactionEncoder } from "../../../src/transaction-log/codec/transaction-encoder.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { expectSame } from "../../support/same.ts";
import { LogModel, put, requestId, transaction } from "../log-model.ts";
import { encodeFormat1 } from "./format-1-encoder.ts";

function encode(transactions: readonly Transaction[], basis = 0): Buffer {
  const encoder = new TransactionEncoder(3);
  encoder.begin(basis);
  for (const one of transactions) encoder.encode(one);
  return Buffer.from(encoder.buffer.subarray(3, encoder.offset));
}

function decode(bytes: Buffer, basis = 0): Transaction[] {
  const decoder = new TransactionDecoder(bytes, basis);
  const transactions: Transaction[] = [];
  while (!decoder.done) transactions.push(decoder.decode());
  return transactions;
}

/** Random transactions, some of which are left out. */
function someTransactions(rounds: number): Transaction[] {
  const random = createRandom(seed);
  const model = new LogModel();
  for (let round = 0; round < rounds; round++) model.transactions.push(...model.nextBatch(random));
  return model.transactions.filter(() => random.chance(0.9));
}

it(`decodes what was encoded, and refuses it when it is cut (SEED=${seed})`, () => {
  const transactions = someTransactions(200);
  expect(decode(encode(transactions))).toEqual(transactions);
  const some = transactions.slice(0, 20);
  const bytes = encode(some);
  for (let length = 0; length < bytes.length; length++) {
    let read: Transaction[] = [];
    try {
      read = decode(bytes.subarray(0, length));
    } catch (error) {
      expect(error).toBeInstanceOf(RangeError);
    }
    // Only at the end of a transaction there is nothing to refuse.
    expectSame(read, some.slice(0, read.length));
  }
});

it(`decodes what 0.1 encoded (SEED=${seed})`, () => {
  const transactions = someTransactions(200)
    .map((one) => ({ ...one, events: one.events.filter(({ type }) => type !== "touch"), request: undefined }))
    .filter(({ events }) => events.length > 0);
  const decoder = new Format1Decoder(encodeFormat1(transactions, true), undefined);
  expect(transactions.map(() => decoder.decode())).toEqual(transactions);
  expect(decoder.done).toBe(true);
  const contiguous = transactions.map((one, index) => ({ ...one, sequence: 71 + index }));
  const counting = new Format1Decoder(encodeFormat1(contiguous, false), 70);
  expect(contiguous.map(() => counting.decode())).toEqual(contiguous);
});

it("keeps a request record of any length", () => {
  for (const count of [0, 1, 4, 5, 6, 7, 8, 1000]) {
    const entry = {
      revision: Number.MAX_SAFE_INTEGER,
      createRevision: count,
      version: 1,
      updateTime: 2 ** 41,
      expireTime: 0,
    };
    const decoded = {
      id: requestId(2 ** 40),
      digest: new Uint8Array(count).fill(7),
      results: Array.from({ length: count }, () => ({ entry, deleted: false })),
    };
    const request = encodeRequestRecord(decoded);
    expect(decodeRequestRecord(request)).toEqual(decoded);
    const transactions = [{ ...transaction(9), request }, transaction(10, put("k", "v"))];
    expect(decode(encode(transactions, 8), 8)).toEqual(transactions);
  }
  const short = { id: new Uint8Array(15), digest: new Uint8Array(), results: [] };
  expect(() => encodeRequestRecord(short)).toThrow("a request id has 16 bytes, not 15");
});

it("keeps the id of a plain put in 19 bytes, and refuses one without its put", () => {
  const request = toRequestId(requestId(2 ** 40 + 5));
  const plain = transaction(1, put("k", "v"));
  const bytes = encode([{ ...plain, request }]);
  expect(decode(bytes)).toEqual([{ ...plain, request }]);
  expect(bytes.length).toBe(encode([plain]).length + 19);
  const others = [
    transaction(1),
    transaction(1, put("k", "v", { expireTime: 7 })),
    transaction(1, { type: "delete", key: "k", expired: false }),
    transaction(1, put("k", "v"), put("l", "v")),
  ];
  for (const other of others) {
    expect(() => decode(encode([{ ...other, request }]))).toThrow("a request id without its put");
  }
  const length = bytes.length - 18;
  const short = Buffer.concat([bytes.subarray(0, length), Buffer.of(15), bytes.subarray(length + 2)]);
  expect(() => decode(short)).toThrow("a field of another length");
});

it(`request records keep their bytes while later ones are encoded (seed ${seed})`, () => {
  const random = createRandom(seed);
  const entry = { revision: 1e9, createRevision: 2 ** 40, version: 3, updateTime: 1.7e12, expireTime: 0 };
  const encoded = Array.from({ length: 3000 }, (_, number) => {
    const count = random.chance(0.01) ? 300 + random.below(1000) : random.below(5);
    const decoded = {
      id: requestId(number),
      digest: new Uint8Array(16).fill(number),
      results: Array.from({ length: count }, () => ({ entry, deleted: false })),
    };
    return { decoded, record: encodeRequestRecord(decoded) };
  });
  for (const { decoded, record } of encoded) expectSame(decodeRequestRecord(record), decoded);
});

it("skips fields with even numbers, and refuses odd ones, unknown bits of a tag and unknown results", () => {
  const touched = (tag: number, ...fields: number[]) => Buffer.of(1, 5, 2, tag, 1, 0x6b, ...fields);
  const touch = transaction(1, { type: "touch", key: "k", expireTime: 0 });
  const expected = [{ ...touch, time: 5 }];
  expect(decode(touched(3))).toEqual(expected);
  expect(decode(touched(0x83, 2, 3, 9, 9, 9, 200, 1, 0, 0))).toEqual(expected);
  expect(() => decode(touched(0x83, 3, 1, 9, 0))).toThrow(UnknownFormatError);
  for (const bit of [8, 16, 32, 64]) expect(() => decode(touched(3 + bit))).toThrow(UnknownFormatError);
  // The same of a transaction, which then has a count with the lowest bit set.
  const empty = (...fields: number[]) => Buffer.of(1, 5, 1, ...fields, 0);
  expect(decode(empty(4, 1, 9))).toEqual([{ ...transaction(1), time: 5 }]);
  expect(() => decode(empty(5, 1, 9))).toThrow("field 5 of a transaction");
  const record = (...rest: number[]) => empty(1, 17 + rest.length, ...requestId(3), 0, ...rest);
  const results = (bytes: Buffer) =>
    decode(bytes).map(({ request }) => request && decodeRequestRecord(request as Uint8Array).results);
  expect(results(record(1, 1, 0))).toEqual([[{ entry: undefined, deleted: true }]]);
  expect(results(record(0, 2, 1, 9, 0))).toEqual([[]]);
  expect(() => decode(record(0, 1, 1, 9, 0))).toThrow("field 1 of a request record");
  expect(() => decode(record(1, 3, 0))).toThrow(UnknownFormatError);
  expect(() => decode(record(1, 1, 0, 0))).toThrow("a field of another length");
});
