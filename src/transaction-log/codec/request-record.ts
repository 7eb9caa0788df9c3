import type { EntryResult, RequestRecord, RequestResult } from "../transaction-logger.ts";
import { ByteReader } from "./byte-reader.ts";
import { skipFields, UnknownFormatError } from "./fields.ts";
import { requestIdBytes } from "./request-id.ts";
import { varintBytesMax, writeVarint } from "./varint.ts";

/**
 * A request record. Numbers are varints.
 *
 *     id               16 bytes
 *     digest           length, bytes
 *     count            of results
 *     results:
 *       kind           0: delete of a missing key; 1: delete; 2: entry
 *       entry:         revision, createRevision, version, updateTime, expireTime
 *     fields           as those of a transaction
 */
const kinds = { missing: 0, deleted: 1, entry: 2 } as const;

/** The most bytes of the kind and the numbers of a result. */
const resultBytesMax = 1 + 5 * varintBytesMax;

/** A request record as objects. */
export interface Request {
  /** UUIDv7, 16 bytes; the first 6 are its time. */
  readonly id: Uint8Array;
  /** A digest of the request's content. It detects another request with the same id. */
  readonly digest: Uint8Array;
  /** One result for each mutation of the request. */
  readonly results: readonly RequestResult[];
}

/** The size of the buffers in which records are encoded one after the other. A larger record gets one of its own. */
const bufferBytes = 16 * 1024;

/** The buffer for the next records. None is used again: what keeps a record keeps its buffer. */
let buffer = new Uint8Array(bufferBytes);
let used = 0;

/** The most bytes of a record with a digest of `digestBytes` and `results` results. */
export function requestRecordBytesMax(digestBytes: number, results: number): number {
  return requestIdBytes + digestBytes + 3 * varintBytesMax + results * resultBytesMax;
}

/**
 * Records share buffers with others: an array of bytes for each takes three times the memory. Throws Error when the id
 * does not have 16 bytes.
 */
export function encodeRequestRecord({ id, digest, results }: Request): RequestRecord {
  if (id.length !== requestIdBytes)
    throw new Error(`a request id has ${requestIdBytes} bytes, not ${id.length}`);
  const most = requestRecordBytesMax(digest.length, results.length);
  if (most > bufferBytes) {
    const own = new Uint8Array(most);
    return own.slice(0, writeRecord(own, 0, id, digest, results));
  }
  if (used + most > bufferBytes) {
    buffer = new Uint8Array(bufferBytes);
    used = 0;
  }
  const start = used;
  used = writeRecord(buffer, start, id, digest, results);
  return new Uint8Array(buffer.buffer, start, used - start);
}

/** Returns the offset behind the record. */
function writeRecord(
  bytes: Uint8Array,
  start: number,
  id: Uint8Array,
  digest: Uint8Array,
  results: readonly RequestResult[],
): number {
  let offset = writeVarint(bytes, digest.length, copy(id, bytes, start));
  offset = writeVarint(bytes, results.length, copy(digest, bytes, offset));
  for (const result of results) offset = writeResult(bytes, result, offset);
  bytes[offset] = 0;
  return offset + 1;
}

/** Of so few bytes a loop takes a third of the time of `set`. Returns the offset behind them. */
function copy(from: Uint8Array, to: Uint8Array, offset: number): number {
  const { length } = from;
  for (let index = 0; index < length; index++) to[offset + index] = from[index] as number;
  return offset + length;
}

function writeResult(bytes: Uint8Array, { entry, deleted }: RequestResult, offset: number): number {
  if (entry === undefined) {
    bytes[offset] = deleted ? kinds.deleted : kinds.missing;
    return offset + 1;
  }
  bytes[offset++] = kinds.entry;
  offset = writeVarint(bytes, entry.revision, offset);
  offset = writeVarint(bytes, entry.createRevision, offset);
  offset = writeVarint(bytes, entry.version, offset);
  offset = writeVarint(bytes, entry.updateTime, offset);
  return writeVarint(bytes, entry.expireTime, offset);
}

/** Throws RangeError for what cannot have been encoded, and UnknownFormatError. */
export function decodeRequestRecord(record: RequestRecord): Request {
  return readRequest(new ByteReader(Buffer.from(record.buffer, record.byteOffset, record.length)));
}

/** Reads a record where it stands. Throws as `decodeRequestRecord` does. */
export function readRequest(reader: ByteReader): Request {
  const id = reader.copy(requestIdBytes);
  const digest = reader.copy(reader.length());
  const results = Array.from({ length: reader.length() }, () => readResult(reader));
  skipFields(reader, "a request record");
  return { id, digest, results };
}

function readResult(reader: ByteReader): RequestResult {
  const kind = reader.number();
  if (kind > kinds.entry) throw new UnknownFormatError(`a result of the kind ${kind}`);
  return kind === kinds.entry
    ? { entry: readEntry(reader), deleted: false }
    : { entry: undefined, deleted: kind === kinds.deleted };
}

function readEntry(reader: ByteReader): EntryResult {
  const revision = reader.number();
  const createRevision = reader.number();
  const version = reader.number();
  const updateTime = reader.number();
  const expireTime = reader.number();
  return { revision, createRevision, version, updateTime, expireTime };
}
