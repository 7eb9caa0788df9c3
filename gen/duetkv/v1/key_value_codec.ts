// @generated from file duetkv/v1/key_value.proto (package duetkv.v1), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../src/wire/protobuf/reader.ts";
import type { Spans } from "../../../src/wire/protobuf/spans.ts";
import type { Writer } from "../../../src/wire/protobuf/writer.ts";
import { readDuration, writeDuration } from "../../google/protobuf/duration_codec.ts";
import { readTimestamp, writeTimestamp } from "../../google/protobuf/timestamp_codec.ts";
import type {
  BatchGetRequest,
  BatchGetRequestSchema,
  BatchGetResponse,
  BatchGetResponseSchema,
  Check,
  CheckSchema,
  CommitRequest,
  CommitRequestSchema,
  CommitResponse,
  CommitResponseSchema,
  Consistency,
  DeleteMutation,
  DeleteMutationSchema,
  DeleteRequest,
  DeleteRequestSchema,
  DeleteResponse,
  DeleteResponseSchema,
  Entry,
  EntrySchema,
  Event,
  EventSchema,
  Event_Type,
  GetRequest,
  GetRequestSchema,
  GetResponse,
  GetResponseSchema,
  HistoryRequest,
  HistoryRequestSchema,
  HistoryResponse,
  HistoryResponseSchema,
  ListRequest,
  ListRequestSchema,
  ListResponse,
  ListResponseSchema,
  Mutation,
  MutationResult,
  MutationResultSchema,
  MutationSchema,
  Precondition,
  PreconditionSchema,
  PutMutation,
  PutMutationSchema,
  PutRequest,
  PutRequestSchema,
  PutResponse,
  PutResponseSchema,
  TouchRequest,
  TouchRequestSchema,
  TouchResponse,
  TouchResponseSchema,
  WatchRequest,
  WatchRequestSchema,
  WatchResponse,
  WatchResponseSchema,
} from "./key_value_pb.ts";

const noBytes = new Uint8Array();

/** Writes a duetkv.v1.PutRequest. */
export function writePutRequest(to: Writer, message: MessageInitShape<typeof PutRequestSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.value !== undefined) to.string(2, message.value);
  if (message.bytesValue !== undefined) to.bytes(3, message.bytesValue);
  if (message.ttl !== undefined) {
    const start = to.beginNested(4);
    writeDuration(to, message.ttl);
    to.endNested(4, start);
  }
  if (message.precondition !== undefined) {
    const start = to.beginNested(5);
    writePrecondition(to, message.precondition);
    to.endNested(5, start);
  }
  if (message.requestId?.length) to.bytes(6, message.requestId);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.PutRequest that ends at `end`, and merges it into `message`. */
export function readPutRequest(from: Reader, end: number, message: PutRequest = newPutRequest()): PutRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // value = 2
        message.value = from.string(end);
        break;
      case 0x1a: // bytes_value = 3
        message.bytesValue = from.bytes(end);
        break;
      case 0x22: // ttl = 4
        message.ttl = readDuration(from, from.nested(end), message.ttl);
        break;
      case 0x2a: // precondition = 5
        message.precondition = readPrecondition(from, from.nested(end), message.precondition);
        break;
      case 0x32: // request_id = 6
        message.requestId = from.bytes(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newPutRequest(): PutRequest {
  return {
    $typeName: "duetkv.v1.PutRequest",
    key: "",
    value: undefined,
    bytesValue: undefined,
    ttl: undefined,
    precondition: undefined,
    requestId: noBytes,
  };
}

/** Writes a duetkv.v1.PutResponse. */
export function writePutResponse(to: Writer, message: MessageInitShape<typeof PutResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  if (message.entry !== undefined) {
    const start = to.beginNested(2);
    writeEntry(to, message.entry);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.PutResponse that ends at `end`, and merges it into `message`. */
export function readPutResponse(from: Reader, end: number, message: PutResponse = newPutResponse()): PutResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // entry = 2
        message.entry = readEntry(from, from.nested(end), message.entry);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newPutResponse(): PutResponse {
  return {
    $typeName: "duetkv.v1.PutResponse",
    revision: 0n,
    entry: undefined,
  };
}

/** Writes a duetkv.v1.GetRequest. */
export function writeGetRequest(to: Writer, message: MessageInitShape<typeof GetRequestSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.consistency) to.int32(2, message.consistency);
  if (message.minRevision) to.int64(3, message.minRevision);
  if (message.atRevision) to.int64(4, message.atRevision);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.GetRequest that ends at `end`, and merges it into `message`. */
export function readGetRequest(from: Reader, end: number, message: GetRequest = newGetRequest()): GetRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x10: // consistency = 2
        message.consistency = from.int32(end) as Consistency;
        break;
      case 0x18: // min_revision = 3
        message.minRevision = from.int64(end);
        break;
      case 0x20: // at_revision = 4
        message.atRevision = from.int64(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newGetRequest(): GetRequest {
  return {
    $typeName: "duetkv.v1.GetRequest",
    key: "",
    consistency: 0,
    minRevision: 0n,
    atRevision: 0n,
  };
}

/** Writes a duetkv.v1.GetResponse. */
export function writeGetResponse(to: Writer, message: MessageInitShape<typeof GetResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  if (message.entry !== undefined) {
    const start = to.beginNested(2);
    writeEntry(to, message.entry);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.GetResponse that ends at `end`, and merges it into `message`. */
export function readGetResponse(from: Reader, end: number, message: GetResponse = newGetResponse()): GetResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // entry = 2
        message.entry = readEntry(from, from.nested(end), message.entry);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newGetResponse(): GetResponse {
  return {
    $typeName: "duetkv.v1.GetResponse",
    revision: 0n,
    entry: undefined,
  };
}

/** Writes a duetkv.v1.DeleteRequest. */
export function writeDeleteRequest(to: Writer, message: MessageInitShape<typeof DeleteRequestSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.precondition !== undefined) {
    const start = to.beginNested(2);
    writePrecondition(to, message.precondition);
    to.endNested(2, start);
  }
  if (message.requestId?.length) to.bytes(3, message.requestId);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.DeleteRequest that ends at `end`, and merges it into `message`. */
export function readDeleteRequest(from: Reader, end: number, message: DeleteRequest = newDeleteRequest()): DeleteRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // precondition = 2
        message.precondition = readPrecondition(from, from.nested(end), message.precondition);
        break;
      case 0x1a: // request_id = 3
        message.requestId = from.bytes(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newDeleteRequest(): DeleteRequest {
  return {
    $typeName: "duetkv.v1.DeleteRequest",
    key: "",
    precondition: undefined,
    requestId: noBytes,
  };
}

/** Writes a duetkv.v1.DeleteResponse. */
export function writeDeleteResponse(to: Writer, message: MessageInitShape<typeof DeleteResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  if (message.deleted) to.bool(2, message.deleted);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.DeleteResponse that ends at `end`, and merges it into `message`. */
export function readDeleteResponse(from: Reader, end: number, message: DeleteResponse = newDeleteResponse()): DeleteResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x10: // deleted = 2
        message.deleted = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newDeleteResponse(): DeleteResponse {
  return {
    $typeName: "duetkv.v1.DeleteResponse",
    revision: 0n,
    deleted: false,
  };
}

/** Writes a duetkv.v1.ListRequest. */
export function writeListRequest(to: Writer, message: MessageInitShape<typeof ListRequestSchema>): void {
  if (message.prefix) to.string(1, message.prefix);
  if (message.start) to.string(2, message.start);
  if (message.end) to.string(3, message.end);
  if (message.reverse) to.bool(4, message.reverse);
  if (message.keysOnly) to.bool(5, message.keysOnly);
  if (message.countOnly) to.bool(6, message.countOnly);
  if (message.pageSize) to.int32(7, message.pageSize);
  if (message.pageToken) to.string(8, message.pageToken);
  if (message.consistency) to.int32(9, message.consistency);
  if (message.minRevision) to.int64(10, message.minRevision);
  if (message.delimiter) to.string(11, message.delimiter);
  if (message.atRevision) to.int64(12, message.atRevision);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.ListRequest that ends at `end`, and merges it into `message`. */
export function readListRequest(from: Reader, end: number, message: ListRequest = newListRequest()): ListRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // prefix = 1
        message.prefix = from.string(end);
        break;
      case 0x12: // start = 2
        message.start = from.string(end);
        break;
      case 0x1a: // end = 3
        message.end = from.string(end);
        break;
      case 0x20: // reverse = 4
        message.reverse = from.bool(end);
        break;
      case 0x28: // keys_only = 5
        message.keysOnly = from.bool(end);
        break;
      case 0x30: // count_only = 6
        message.countOnly = from.bool(end);
        break;
      case 0x38: // page_size = 7
        message.pageSize = from.int32(end);
        break;
      case 0x42: // page_token = 8
        message.pageToken = from.string(end);
        break;
      case 0x48: // consistency = 9
        message.consistency = from.int32(end) as Consistency;
        break;
      case 0x50: // min_revision = 10
        message.minRevision = from.int64(end);
        break;
      case 0x5a: // delimiter = 11
        message.delimiter = from.string(end);
        break;
      case 0x60: // at_revision = 12
        message.atRevision = from.int64(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newListRequest(): ListRequest {
  return {
    $typeName: "duetkv.v1.ListRequest",
    prefix: "",
    start: "",
    end: "",
    reverse: false,
    keysOnly: false,
    countOnly: false,
    pageSize: 0,
    pageToken: "",
    consistency: 0,
    minRevision: 0n,
    delimiter: "",
    atRevision: 0n,
  };
}

/** Writes a duetkv.v1.ListResponse. */
export function writeListResponse(to: Writer, message: MessageInitShape<typeof ListResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  for (const each of message.entries ?? []) {
    const start = to.beginNested(2);
    writeEntry(to, each);
    to.endNested(2, start);
  }
  if (message.nextPageToken) to.string(3, message.nextPageToken);
  if (message.count) to.int64(4, message.count);
  for (const each of message.prefixes ?? []) to.string(5, each);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.ListResponse that ends at `end`, and merges it into `message`. */
export function readListResponse(from: Reader, end: number, message: ListResponse = newListResponse()): ListResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // entries = 2
        from.element();
        message.entries.push(readEntry(from, from.nested(end)));
        break;
      case 0x1a: // next_page_token = 3
        message.nextPageToken = from.string(end);
        break;
      case 0x20: // count = 4
        message.count = from.int64(end);
        break;
      case 0x2a: // prefixes = 5
        from.element();
        message.prefixes.push(from.string(end));
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newListResponse(): ListResponse {
  return {
    $typeName: "duetkv.v1.ListResponse",
    revision: 0n,
    entries: [],
    nextPageToken: "",
    count: 0n,
    prefixes: [],
  };
}

/** Writes a duetkv.v1.HistoryRequest. */
export function writeHistoryRequest(to: Writer, message: MessageInitShape<typeof HistoryRequestSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.pageSize) to.int32(2, message.pageSize);
  if (message.pageToken) to.string(3, message.pageToken);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.HistoryRequest that ends at `end`, and merges it into `message`. */
export function readHistoryRequest(from: Reader, end: number, message: HistoryRequest = newHistoryRequest()): HistoryRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x10: // page_size = 2
        message.pageSize = from.int32(end);
        break;
      case 0x1a: // page_token = 3
        message.pageToken = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newHistoryRequest(): HistoryRequest {
  return {
    $typeName: "duetkv.v1.HistoryRequest",
    key: "",
    pageSize: 0,
    pageToken: "",
  };
}

/** Writes a duetkv.v1.HistoryResponse. */
export function writeHistoryResponse(to: Writer, message: MessageInitShape<typeof HistoryResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  for (const each of message.events ?? []) {
    const start = to.beginNested(2);
    writeEvent(to, each);
    to.endNested(2, start);
  }
  if (message.nextPageToken) to.string(3, message.nextPageToken);
  if (message.oldestRevision) to.int64(4, message.oldestRevision);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.HistoryResponse that ends at `end`, and merges it into `message`. */
export function readHistoryResponse(from: Reader, end: number, message: HistoryResponse = newHistoryResponse()): HistoryResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // events = 2
        from.element();
        message.events.push(readEvent(from, from.nested(end)));
        break;
      case 0x1a: // next_page_token = 3
        message.nextPageToken = from.string(end);
        break;
      case 0x20: // oldest_revision = 4
        message.oldestRevision = from.int64(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newHistoryResponse(): HistoryResponse {
  return {
    $typeName: "duetkv.v1.HistoryResponse",
    revision: 0n,
    events: [],
    nextPageToken: "",
    oldestRevision: 0n,
  };
}

/** Writes a duetkv.v1.TouchRequest. */
export function writeTouchRequest(to: Writer, message: MessageInitShape<typeof TouchRequestSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.ttl !== undefined) {
    const start = to.beginNested(2);
    writeDuration(to, message.ttl);
    to.endNested(2, start);
  }
  if (message.precondition !== undefined) {
    const start = to.beginNested(3);
    writePrecondition(to, message.precondition);
    to.endNested(3, start);
  }
  if (message.requestId?.length) to.bytes(4, message.requestId);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.TouchRequest that ends at `end`, and merges it into `message`. */
export function readTouchRequest(from: Reader, end: number, message: TouchRequest = newTouchRequest()): TouchRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // ttl = 2
        message.ttl = readDuration(from, from.nested(end), message.ttl);
        break;
      case 0x1a: // precondition = 3
        message.precondition = readPrecondition(from, from.nested(end), message.precondition);
        break;
      case 0x22: // request_id = 4
        message.requestId = from.bytes(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newTouchRequest(): TouchRequest {
  return {
    $typeName: "duetkv.v1.TouchRequest",
    key: "",
    ttl: undefined,
    precondition: undefined,
    requestId: noBytes,
  };
}

/** Writes a duetkv.v1.TouchResponse. */
export function writeTouchResponse(to: Writer, message: MessageInitShape<typeof TouchResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  if (message.entry !== undefined) {
    const start = to.beginNested(2);
    writeEntry(to, message.entry);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.TouchResponse that ends at `end`, and merges it into `message`. */
export function readTouchResponse(from: Reader, end: number, message: TouchResponse = newTouchResponse()): TouchResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // entry = 2
        message.entry = readEntry(from, from.nested(end), message.entry);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newTouchResponse(): TouchResponse {
  return {
    $typeName: "duetkv.v1.TouchResponse",
    revision: 0n,
    entry: undefined,
  };
}

/** Writes a duetkv.v1.BatchGetRequest. */
export function writeBatchGetRequest(to: Writer, message: MessageInitShape<typeof BatchGetRequestSchema>): void {
  for (const each of message.keys ?? []) to.string(1, each);
  if (message.consistency) to.int32(2, message.consistency);
  if (message.minRevision) to.int64(3, message.minRevision);
  if (message.atRevision) to.int64(4, message.atRevision);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.BatchGetRequest that ends at `end`, and merges it into `message`. */
export function readBatchGetRequest(from: Reader, end: number, message: BatchGetRequest = newBatchGetRequest()): BatchGetRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // keys = 1
        from.element();
        message.keys.push(from.string(end));
        break;
      case 0x10: // consistency = 2
        message.consistency = from.int32(end) as Consistency;
        break;
      case 0x18: // min_revision = 3
        message.minRevision = from.int64(end);
        break;
      case 0x20: // at_revision = 4
        message.atRevision = from.int64(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newBatchGetRequest(): BatchGetRequest {
  return {
    $typeName: "duetkv.v1.BatchGetRequest",
    keys: [],
    consistency: 0,
    minRevision: 0n,
    atRevision: 0n,
  };
}

/** Writes a duetkv.v1.BatchGetResponse. */
export function writeBatchGetResponse(to: Writer, message: MessageInitShape<typeof BatchGetResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  for (const each of message.entries ?? []) {
    const start = to.beginNested(2);
    writeEntry(to, each);
    to.endNested(2, start);
  }
  for (const each of message.missingKeys ?? []) to.string(3, each);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.BatchGetResponse that ends at `end`, and merges it into `message`. */
export function readBatchGetResponse(from: Reader, end: number, message: BatchGetResponse = newBatchGetResponse()): BatchGetResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // entries = 2
        from.element();
        message.entries.push(readEntry(from, from.nested(end)));
        break;
      case 0x1a: // missing_keys = 3
        from.element();
        message.missingKeys.push(from.string(end));
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newBatchGetResponse(): BatchGetResponse {
  return {
    $typeName: "duetkv.v1.BatchGetResponse",
    revision: 0n,
    entries: [],
    missingKeys: [],
  };
}

/** Writes a duetkv.v1.CommitRequest. */
export function writeCommitRequest(to: Writer, message: MessageInitShape<typeof CommitRequestSchema>): void {
  for (const each of message.checks ?? []) {
    const start = to.beginNested(1);
    writeCheck(to, each);
    to.endNested(1, start);
  }
  for (const each of message.mutations ?? []) {
    const start = to.beginNested(2);
    writeMutation(to, each);
    to.endNested(2, start);
  }
  if (message.requestId?.length) to.bytes(3, message.requestId);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.CommitRequest that ends at `end`, and merges it into `message`. */
export function readCommitRequest(from: Reader, end: number, message: CommitRequest = newCommitRequest()): CommitRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // checks = 1
        from.element();
        message.checks.push(readCheck(from, from.nested(end)));
        break;
      case 0x12: // mutations = 2
        from.element();
        message.mutations.push(readMutation(from, from.nested(end)));
        break;
      case 0x1a: // request_id = 3
        message.requestId = from.bytes(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newCommitRequest(): CommitRequest {
  return {
    $typeName: "duetkv.v1.CommitRequest",
    checks: [],
    mutations: [],
    requestId: noBytes,
  };
}

/** Writes a duetkv.v1.CommitResponse. */
export function writeCommitResponse(to: Writer, message: MessageInitShape<typeof CommitResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  for (const each of message.results ?? []) {
    const start = to.beginNested(2);
    writeMutationResult(to, each);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.CommitResponse that ends at `end`, and merges it into `message`. */
export function readCommitResponse(from: Reader, end: number, message: CommitResponse = newCommitResponse()): CommitResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // results = 2
        from.element();
        message.results.push(readMutationResult(from, from.nested(end)));
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newCommitResponse(): CommitResponse {
  return {
    $typeName: "duetkv.v1.CommitResponse",
    revision: 0n,
    results: [],
  };
}

/** Writes a duetkv.v1.WatchRequest. */
export function writeWatchRequest(to: Writer, message: MessageInitShape<typeof WatchRequestSchema>): void {
  if (message.key !== undefined) to.string(1, message.key);
  if (message.prefix) to.string(2, message.prefix);
  if (message.startRevision !== undefined) to.int64(3, message.startRevision);
  if (message.includeExisting) to.bool(4, message.includeExisting);
  if (message.previous) to.bool(5, message.previous);
  for (const each of message.keys ?? []) to.string(6, each);
  for (const each of message.prefixes ?? []) to.string(7, each);
  if (message.keysOnly) to.bool(8, message.keysOnly);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.WatchRequest that ends at `end`, and merges it into `message`. */
export function readWatchRequest(from: Reader, end: number, message: WatchRequest = newWatchRequest()): WatchRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // prefix = 2
        message.prefix = from.string(end);
        break;
      case 0x18: // start_revision = 3
        message.startRevision = from.int64(end);
        break;
      case 0x20: // include_existing = 4
        message.includeExisting = from.bool(end);
        break;
      case 0x28: // previous = 5
        message.previous = from.bool(end);
        break;
      case 0x32: // keys = 6
        from.element();
        message.keys.push(from.string(end));
        break;
      case 0x3a: // prefixes = 7
        from.element();
        message.prefixes.push(from.string(end));
        break;
      case 0x40: // keys_only = 8
        message.keysOnly = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newWatchRequest(): WatchRequest {
  return {
    $typeName: "duetkv.v1.WatchRequest",
    key: undefined,
    prefix: "",
    startRevision: undefined,
    includeExisting: false,
    previous: false,
    keys: [],
    prefixes: [],
    keysOnly: false,
  };
}

/** Writes a duetkv.v1.WatchResponse. */
export function writeWatchResponse(to: Writer, message: MessageInitShape<typeof WatchResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  for (const each of message.events ?? []) {
    const start = to.beginNested(2);
    writeEvent(to, each);
    to.endNested(2, start);
  }
  for (const each of message.existing ?? []) {
    const start = to.beginNested(3);
    writeEntry(to, each);
    to.endNested(3, start);
  }
  if (message.existingEnd) to.bool(4, message.existingEnd);
  if (message.resumeRevision !== undefined) to.int64(5, message.resumeRevision);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.WatchResponse that ends at `end`, and merges it into `message`. */
export function readWatchResponse(from: Reader, end: number, message: WatchResponse = newWatchResponse()): WatchResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // events = 2
        from.element();
        message.events.push(readEvent(from, from.nested(end)));
        break;
      case 0x1a: // existing = 3
        from.element();
        message.existing.push(readEntry(from, from.nested(end)));
        break;
      case 0x20: // existing_end = 4
        message.existingEnd = from.bool(end);
        break;
      case 0x28: // resume_revision = 5
        message.resumeRevision = from.int64(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newWatchResponse(): WatchResponse {
  return {
    $typeName: "duetkv.v1.WatchResponse",
    revision: 0n,
    events: [],
    existing: [],
    existingEnd: false,
    resumeRevision: undefined,
  };
}

/** Writes a duetkv.v1.Precondition. */
export function writePrecondition(to: Writer, message: MessageInitShape<typeof PreconditionSchema>): void {
  if (message.condition?.case === "revision") to.int64(1, message.condition.value);
  if (message.condition?.case === "exists") to.bool(2, message.condition.value);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Precondition that ends at `end`, and merges it into `message`. */
export function readPrecondition(from: Reader, end: number, message: Precondition = newPrecondition()): Precondition {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.condition = { case: "revision", value: from.int64(end) };
        break;
      case 0x10: // exists = 2
        message.condition = { case: "exists", value: from.bool(end) };
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newPrecondition(): Precondition {
  return {
    $typeName: "duetkv.v1.Precondition",
    condition: { case: undefined },
  };
}

/** Writes a duetkv.v1.Entry. */
export function writeEntry(to: Writer, message: MessageInitShape<typeof EntrySchema> & Spans<"value" | "bytesValue">): void {
  if (message.key) to.string(1, message.key);
  if (message.$value !== undefined) to.span(2, message.$value);
  else if (message.value !== undefined) to.string(2, message.value);
  if (message.$bytesValue !== undefined) to.span(3, message.$bytesValue);
  else if (message.bytesValue !== undefined) to.bytes(3, message.bytesValue);
  if (message.revision) to.int64(4, message.revision);
  if (message.createRevision) to.int64(5, message.createRevision);
  if (message.version) to.int64(6, message.version);
  if (message.updateTime !== undefined) {
    const start = to.beginNested(7);
    writeTimestamp(to, message.updateTime);
    to.endNested(7, start);
  }
  if (message.expireTime !== undefined) {
    const start = to.beginNested(8);
    writeTimestamp(to, message.expireTime);
    to.endNested(8, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Entry that ends at `end`, and merges it into `message`. */
export function readEntry(from: Reader, end: number, message: Entry = newEntry()): Entry {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // value = 2
        message.value = from.string(end);
        break;
      case 0x1a: // bytes_value = 3
        message.bytesValue = from.bytes(end);
        break;
      case 0x20: // revision = 4
        message.revision = from.int64(end);
        break;
      case 0x28: // create_revision = 5
        message.createRevision = from.int64(end);
        break;
      case 0x30: // version = 6
        message.version = from.int64(end);
        break;
      case 0x3a: // update_time = 7
        message.updateTime = readTimestamp(from, from.nested(end), message.updateTime);
        break;
      case 0x42: // expire_time = 8
        message.expireTime = readTimestamp(from, from.nested(end), message.expireTime);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newEntry(): Entry {
  return {
    $typeName: "duetkv.v1.Entry",
    key: "",
    value: undefined,
    bytesValue: undefined,
    revision: 0n,
    createRevision: 0n,
    version: 0n,
    updateTime: undefined,
    expireTime: undefined,
  };
}

/** Writes a duetkv.v1.Event. */
export function writeEvent(to: Writer, message: MessageInitShape<typeof EventSchema>): void {
  if (message.type) to.int32(1, message.type);
  if (message.entry !== undefined) {
    const start = to.beginNested(2);
    writeEntry(to, message.entry);
    to.endNested(2, start);
  }
  if (message.previous !== undefined) {
    const start = to.beginNested(3);
    writeEntry(to, message.previous);
    to.endNested(3, start);
  }
  if (message.expired) to.bool(4, message.expired);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Event that ends at `end`, and merges it into `message`. */
export function readEvent(from: Reader, end: number, message: Event = newEvent()): Event {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // type = 1
        message.type = from.int32(end) as Event_Type;
        break;
      case 0x12: // entry = 2
        message.entry = readEntry(from, from.nested(end), message.entry);
        break;
      case 0x1a: // previous = 3
        message.previous = readEntry(from, from.nested(end), message.previous);
        break;
      case 0x20: // expired = 4
        message.expired = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newEvent(): Event {
  return {
    $typeName: "duetkv.v1.Event",
    type: 0,
    entry: undefined,
    previous: undefined,
    expired: false,
  };
}

/** Writes a duetkv.v1.Check. */
export function writeCheck(to: Writer, message: MessageInitShape<typeof CheckSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.precondition !== undefined) {
    const start = to.beginNested(2);
    writePrecondition(to, message.precondition);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Check that ends at `end`, and merges it into `message`. */
export function readCheck(from: Reader, end: number, message: Check = newCheck()): Check {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // precondition = 2
        message.precondition = readPrecondition(from, from.nested(end), message.precondition);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newCheck(): Check {
  return {
    $typeName: "duetkv.v1.Check",
    key: "",
    precondition: undefined,
  };
}

/** Writes a duetkv.v1.Mutation. */
export function writeMutation(to: Writer, message: MessageInitShape<typeof MutationSchema>): void {
  if (message.kind?.case === "put") {
    const start = to.beginNested(1);
    writePutMutation(to, message.kind.value);
    to.endNested(1, start);
  }
  if (message.kind?.case === "delete") {
    const start = to.beginNested(2);
    writeDeleteMutation(to, message.kind.value);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Mutation that ends at `end`, and merges it into `message`. */
export function readMutation(from: Reader, end: number, message: Mutation = newMutation()): Mutation {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // put = 1
        message.kind = { case: "put", value: readPutMutation(from, from.nested(end), message.kind.case === "put" ? message.kind.value : undefined) };
        break;
      case 0x12: // delete = 2
        message.kind = { case: "delete", value: readDeleteMutation(from, from.nested(end), message.kind.case === "delete" ? message.kind.value : undefined) };
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newMutation(): Mutation {
  return {
    $typeName: "duetkv.v1.Mutation",
    kind: { case: undefined },
  };
}

/** Writes a duetkv.v1.MutationResult. */
export function writeMutationResult(to: Writer, message: MessageInitShape<typeof MutationResultSchema>): void {
  if (message.entry !== undefined) {
    const start = to.beginNested(1);
    writeEntry(to, message.entry);
    to.endNested(1, start);
  }
  if (message.deleted) to.bool(2, message.deleted);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.MutationResult that ends at `end`, and merges it into `message`. */
export function readMutationResult(from: Reader, end: number, message: MutationResult = newMutationResult()): MutationResult {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // entry = 1
        message.entry = readEntry(from, from.nested(end), message.entry);
        break;
      case 0x10: // deleted = 2
        message.deleted = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newMutationResult(): MutationResult {
  return {
    $typeName: "duetkv.v1.MutationResult",
    entry: undefined,
    deleted: false,
  };
}

/** Writes a duetkv.v1.PutMutation. */
export function writePutMutation(to: Writer, message: MessageInitShape<typeof PutMutationSchema>): void {
  if (message.key) to.string(1, message.key);
  if (message.value !== undefined) to.string(2, message.value);
  if (message.bytesValue !== undefined) to.bytes(3, message.bytesValue);
  if (message.ttl !== undefined) {
    const start = to.beginNested(4);
    writeDuration(to, message.ttl);
    to.endNested(4, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.PutMutation that ends at `end`, and merges it into `message`. */
export function readPutMutation(from: Reader, end: number, message: PutMutation = newPutMutation()): PutMutation {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      case 0x12: // value = 2
        message.value = from.string(end);
        break;
      case 0x1a: // bytes_value = 3
        message.bytesValue = from.bytes(end);
        break;
      case 0x22: // ttl = 4
        message.ttl = readDuration(from, from.nested(end), message.ttl);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newPutMutation(): PutMutation {
  return {
    $typeName: "duetkv.v1.PutMutation",
    key: "",
    value: undefined,
    bytesValue: undefined,
    ttl: undefined,
  };
}

/** Writes a duetkv.v1.DeleteMutation. */
export function writeDeleteMutation(to: Writer, message: MessageInitShape<typeof DeleteMutationSchema>): void {
  if (message.key) to.string(1, message.key);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.DeleteMutation that ends at `end`, and merges it into `message`. */
export function readDeleteMutation(from: Reader, end: number, message: DeleteMutation = newDeleteMutation()): DeleteMutation {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // key = 1
        message.key = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newDeleteMutation(): DeleteMutation {
  return {
    $typeName: "duetkv.v1.DeleteMutation",
    key: "",
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["duetkv.v1.PutRequest", { read: readPutRequest, write: writePutRequest }],
  ["duetkv.v1.PutResponse", { read: readPutResponse, write: writePutResponse }],
  ["duetkv.v1.GetRequest", { read: readGetRequest, write: writeGetRequest }],
  ["duetkv.v1.GetResponse", { read: readGetResponse, write: writeGetResponse }],
  ["duetkv.v1.DeleteRequest", { read: readDeleteRequest, write: writeDeleteRequest }],
  ["duetkv.v1.DeleteResponse", { read: readDeleteResponse, write: writeDeleteResponse }],
  ["duetkv.v1.ListRequest", { read: readListRequest, write: writeListRequest }],
  ["duetkv.v1.ListResponse", { read: readListResponse, write: writeListResponse }],
  ["duetkv.v1.HistoryRequest", { read: readHistoryRequest, write: writeHistoryRequest }],
  ["duetkv.v1.HistoryResponse", { read: readHistoryResponse, write: writeHistoryResponse }],
  ["duetkv.v1.TouchRequest", { read: readTouchRequest, write: writeTouchRequest }],
  ["duetkv.v1.TouchResponse", { read: readTouchResponse, write: writeTouchResponse }],
  ["duetkv.v1.BatchGetRequest", { read: readBatchGetRequest, write: writeBatchGetRequest }],
  ["duetkv.v1.BatchGetResponse", { read: readBatchGetResponse, write: writeBatchGetResponse }],
  ["duetkv.v1.CommitRequest", { read: readCommitRequest, write: writeCommitRequest }],
  ["duetkv.v1.CommitResponse", { read: readCommitResponse, write: writeCommitResponse }],
  ["duetkv.v1.WatchRequest", { read: readWatchRequest, write: writeWatchRequest }],
  ["duetkv.v1.WatchResponse", { read: readWatchResponse, write: writeWatchResponse }],
  ["duetkv.v1.Precondition", { read: readPrecondition, write: writePrecondition }],
  ["duetkv.v1.Entry", { read: readEntry, write: writeEntry }],
  ["duetkv.v1.Event", { read: readEvent, write: writeEvent }],
  ["duetkv.v1.Check", { read: readCheck, write: writeCheck }],
  ["duetkv.v1.Mutation", { read: readMutation, write: writeMutation }],
  ["duetkv.v1.MutationResult", { read: readMutationResult, write: writeMutationResult }],
  ["duetkv.v1.PutMutation", { read: readPutMutation, write: writePutMutation }],
  ["duetkv.v1.DeleteMutation", { read: readDeleteMutation, write: writeDeleteMutation }],
];
