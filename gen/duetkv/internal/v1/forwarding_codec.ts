// @generated from file duetkv/internal/v1/forwarding.proto (package duetkv.internal.v1), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../../src/wire/protobuf/reader.ts";
import type { Writer } from "../../../../src/wire/protobuf/writer.ts";
import { readCommitRequest, writeCommitRequest } from "../../v1/key_value_codec.ts";
import { readTouchRequest, writeTouchRequest } from "../../v1/key_value_codec.ts";
import { readCommitResponse, writeCommitResponse } from "../../v1/key_value_codec.ts";
import type {
  Failure,
  FailureSchema,
  ForwardRequest,
  ForwardRequestSchema,
  ForwardResponse,
  ForwardResponseSchema,
  Metadata,
  MetadataSchema,
  Operation,
  OperationSchema,
  Outcome,
  OutcomeSchema,
} from "./forwarding_pb.ts";

/** Writes a duetkv.internal.v1.ForwardRequest. */
export function writeForwardRequest(to: Writer, message: MessageInitShape<typeof ForwardRequestSchema>): void {
  if (message.storeId) to.string(1, message.storeId);
  for (const each of message.operations ?? []) {
    const start = to.beginNested(2);
    writeOperation(to, each);
    to.endNested(2, start);
  }
  if (message.replicaId) to.string(3, message.replicaId);
  if (message.notAfter) to.int64(4, message.notAfter);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.internal.v1.ForwardRequest that ends at `end`, and merges it into `message`. */
export function readForwardRequest(from: Reader, end: number, message: ForwardRequest = newForwardRequest()): ForwardRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // store_id = 1
        message.storeId = from.string(end);
        break;
      case 0x12: // operations = 2
        from.element();
        message.operations.push(readOperation(from, from.nested(end)));
        break;
      case 0x1a: // replica_id = 3
        message.replicaId = from.string(end);
        break;
      case 0x20: // not_after = 4
        message.notAfter = from.int64(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newForwardRequest(): ForwardRequest {
  return {
    $typeName: "duetkv.internal.v1.ForwardRequest",
    storeId: "",
    operations: [],
    replicaId: "",
    notAfter: 0n,
  };
}

/** Writes a duetkv.internal.v1.ForwardResponse. */
export function writeForwardResponse(to: Writer, message: MessageInitShape<typeof ForwardResponseSchema>): void {
  if (message.revision) to.int64(1, message.revision);
  for (const each of message.outcomes ?? []) {
    const start = to.beginNested(2);
    writeOutcome(to, each);
    to.endNested(2, start);
  }
  if (message.stateHash) to.string(3, message.stateHash);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.internal.v1.ForwardResponse that ends at `end`, and merges it into `message`. */
export function readForwardResponse(from: Reader, end: number, message: ForwardResponse = newForwardResponse()): ForwardResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // revision = 1
        message.revision = from.int64(end);
        break;
      case 0x12: // outcomes = 2
        from.element();
        message.outcomes.push(readOutcome(from, from.nested(end)));
        break;
      case 0x1a: // state_hash = 3
        message.stateHash = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newForwardResponse(): ForwardResponse {
  return {
    $typeName: "duetkv.internal.v1.ForwardResponse",
    revision: 0n,
    outcomes: [],
    stateHash: "",
  };
}

/** Writes a duetkv.internal.v1.Operation. */
export function writeOperation(to: Writer, message: MessageInitShape<typeof OperationSchema>): void {
  if (message.kind?.case === "commit") {
    const start = to.beginNested(1);
    writeCommitRequest(to, message.kind.value);
    to.endNested(1, start);
  }
  if (message.kind?.case === "touch") {
    const start = to.beginNested(2);
    writeTouchRequest(to, message.kind.value);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.internal.v1.Operation that ends at `end`, and merges it into `message`. */
export function readOperation(from: Reader, end: number, message: Operation = newOperation()): Operation {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // commit = 1
        message.kind = { case: "commit", value: readCommitRequest(from, from.nested(end), message.kind.case === "commit" ? message.kind.value : undefined) };
        break;
      case 0x12: // touch = 2
        message.kind = { case: "touch", value: readTouchRequest(from, from.nested(end), message.kind.case === "touch" ? message.kind.value : undefined) };
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newOperation(): Operation {
  return {
    $typeName: "duetkv.internal.v1.Operation",
    kind: { case: undefined },
  };
}

/** Writes a duetkv.internal.v1.Outcome. */
export function writeOutcome(to: Writer, message: MessageInitShape<typeof OutcomeSchema>): void {
  if (message.kind?.case === "committed") {
    const start = to.beginNested(1);
    writeCommitResponse(to, message.kind.value);
    to.endNested(1, start);
  }
  if (message.kind?.case === "failure") {
    const start = to.beginNested(2);
    writeFailure(to, message.kind.value);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.internal.v1.Outcome that ends at `end`, and merges it into `message`. */
export function readOutcome(from: Reader, end: number, message: Outcome = newOutcome()): Outcome {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // committed = 1
        message.kind = { case: "committed", value: readCommitResponse(from, from.nested(end), message.kind.case === "committed" ? message.kind.value : undefined) };
        break;
      case 0x12: // failure = 2
        message.kind = { case: "failure", value: readFailure(from, from.nested(end), message.kind.case === "failure" ? message.kind.value : undefined) };
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newOutcome(): Outcome {
  return {
    $typeName: "duetkv.internal.v1.Outcome",
    kind: { case: undefined },
  };
}

/** Writes a duetkv.internal.v1.Failure. */
export function writeFailure(to: Writer, message: MessageInitShape<typeof FailureSchema>): void {
  if (message.reason) to.string(1, message.reason);
  if (message.message) to.string(2, message.message);
  for (const each of message.metadata ?? []) {
    const start = to.beginNested(3);
    writeMetadata(to, each);
    to.endNested(3, start);
  }
  if (message.refused) to.bool(4, message.refused);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.internal.v1.Failure that ends at `end`, and merges it into `message`. */
export function readFailure(from: Reader, end: number, message: Failure = newFailure()): Failure {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // reason = 1
        message.reason = from.string(end);
        break;
      case 0x12: // message = 2
        message.message = from.string(end);
        break;
      case 0x1a: // metadata = 3
        from.element();
        message.metadata.push(readMetadata(from, from.nested(end)));
        break;
      case 0x20: // refused = 4
        message.refused = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newFailure(): Failure {
  return {
    $typeName: "duetkv.internal.v1.Failure",
    reason: "",
    message: "",
    metadata: [],
    refused: false,
  };
}

/** Writes a duetkv.internal.v1.Metadata. */
export function writeMetadata(to: Writer, message: MessageInitShape<typeof MetadataSchema>): void {
  if (message.name) to.string(1, message.name);
  if (message.value) to.string(2, message.value);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.internal.v1.Metadata that ends at `end`, and merges it into `message`. */
export function readMetadata(from: Reader, end: number, message: Metadata = newMetadata()): Metadata {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // name = 1
        message.name = from.string(end);
        break;
      case 0x12: // value = 2
        message.value = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newMetadata(): Metadata {
  return {
    $typeName: "duetkv.internal.v1.Metadata",
    name: "",
    value: "",
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["duetkv.internal.v1.ForwardRequest", { read: readForwardRequest, write: writeForwardRequest }],
  ["duetkv.internal.v1.ForwardResponse", { read: readForwardResponse, write: writeForwardResponse }],
  ["duetkv.internal.v1.Operation", { read: readOperation, write: writeOperation }],
  ["duetkv.internal.v1.Outcome", { read: readOutcome, write: writeOutcome }],
  ["duetkv.internal.v1.Failure", { read: readFailure, write: writeFailure }],
  ["duetkv.internal.v1.Metadata", { read: readMetadata, write: writeMetadata }],
];
