import { expect, test } from "vitest";
import { toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import { encodeRequestRecord } from "../../src/transaction-log/codec/request-record.ts";
import { toLine } from "../../src/transaction-log/transaction-line.ts";
import { put, requestId, transaction } from "./log-model.ts";

const id = requestId(2 ** 40);
const digits = Buffer.from(id).toString("hex");

test("a line has the id of a plain put, and the whole record of another request", () => {
  const request = (line: string) => JSON.parse(line).request;
  const plain = transaction(1, put("k", "v"));
  expect(request(toLine(plain))).toBeUndefined();
  expect(request(toLine({ ...plain, request: toRequestId(id) }))).toEqual({ id: digits });
  const results = [{ entry: undefined, deleted: true }];
  const record = encodeRequestRecord({ id, digest: Uint8Array.of(1, 255), results });
  expect(request(toLine({ ...transaction(1), request: record }))).toEqual({
    id: digits,
    digest: "01ff",
    results: [{ type: "delete", deleted: true }],
  });
});
