// @generated from file duetkv/v1/status.proto (package duetkv.v1), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../src/wire/protobuf/reader.ts";
import type { Writer } from "../../../src/wire/protobuf/writer.ts";
import { readTimestamp, writeTimestamp } from "../../google/protobuf/timestamp_codec.ts";
import type {
  Certificate,
  CertificateSchema,
  GetIdentityRequest,
  GetIdentityRequestSchema,
  GetIdentityResponse,
  GetIdentityResponseSchema,
  GetStatusRequest,
  GetStatusRequestSchema,
  Grant,
  GrantSchema,
  Replica,
  ReplicaSchema,
  SnapshotRequest,
  SnapshotRequestSchema,
  SnapshotResponse,
  SnapshotResponseSchema,
} from "./status_pb.ts";

const noBytes = new Uint8Array();

/** Writes a duetkv.v1.GetStatusRequest. */
export function writeGetStatusRequest(to: Writer, message: MessageInitShape<typeof GetStatusRequestSchema>): void {
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.GetStatusRequest that ends at `end`, and merges it into `message`. */
export function readGetStatusRequest(from: Reader, end: number, message: GetStatusRequest = newGetStatusRequest()): GetStatusRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newGetStatusRequest(): GetStatusRequest {
  return {
    $typeName: "duetkv.v1.GetStatusRequest",
  };
}

/** Writes a duetkv.v1.GetIdentityRequest. */
export function writeGetIdentityRequest(to: Writer, message: MessageInitShape<typeof GetIdentityRequestSchema>): void {
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.GetIdentityRequest that ends at `end`, and merges it into `message`. */
export function readGetIdentityRequest(from: Reader, end: number, message: GetIdentityRequest = newGetIdentityRequest()): GetIdentityRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newGetIdentityRequest(): GetIdentityRequest {
  return {
    $typeName: "duetkv.v1.GetIdentityRequest",
  };
}

/** Writes a duetkv.v1.GetIdentityResponse. */
export function writeGetIdentityResponse(to: Writer, message: MessageInitShape<typeof GetIdentityResponseSchema>): void {
  if (message.name) to.string(1, message.name);
  if (message.via) to.string(2, message.via);
  for (const each of message.grants ?? []) {
    const start = to.beginNested(3);
    writeGrant(to, each);
    to.endNested(3, start);
  }
  if (message.expireTime !== undefined) {
    const start = to.beginNested(4);
    writeTimestamp(to, message.expireTime);
    to.endNested(4, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.GetIdentityResponse that ends at `end`, and merges it into `message`. */
export function readGetIdentityResponse(from: Reader, end: number, message: GetIdentityResponse = newGetIdentityResponse()): GetIdentityResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // name = 1
        message.name = from.string(end);
        break;
      case 0x12: // via = 2
        message.via = from.string(end);
        break;
      case 0x1a: // grants = 3
        from.element();
        message.grants.push(readGrant(from, from.nested(end)));
        break;
      case 0x22: // expire_time = 4
        message.expireTime = readTimestamp(from, from.nested(end), message.expireTime);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newGetIdentityResponse(): GetIdentityResponse {
  return {
    $typeName: "duetkv.v1.GetIdentityResponse",
    name: "",
    via: "",
    grants: [],
    expireTime: undefined,
  };
}

/** Writes a duetkv.v1.SnapshotRequest. */
export function writeSnapshotRequest(to: Writer, message: MessageInitShape<typeof SnapshotRequestSchema>): void {
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.SnapshotRequest that ends at `end`, and merges it into `message`. */
export function readSnapshotRequest(from: Reader, end: number, message: SnapshotRequest = newSnapshotRequest()): SnapshotRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newSnapshotRequest(): SnapshotRequest {
  return {
    $typeName: "duetkv.v1.SnapshotRequest",
  };
}

/** Writes a duetkv.v1.SnapshotResponse. */
export function writeSnapshotResponse(to: Writer, message: MessageInitShape<typeof SnapshotResponseSchema>): void {
  if (message.data?.length) to.bytes(1, message.data);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.SnapshotResponse that ends at `end`, and merges it into `message`. */
export function readSnapshotResponse(from: Reader, end: number, message: SnapshotResponse = newSnapshotResponse()): SnapshotResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // data = 1
        message.data = from.bytes(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newSnapshotResponse(): SnapshotResponse {
  return {
    $typeName: "duetkv.v1.SnapshotResponse",
    data: noBytes,
  };
}

/** Writes a duetkv.v1.Replica. */
export function writeReplica(to: Writer, message: MessageInitShape<typeof ReplicaSchema>): void {
  if (message.id) to.string(1, message.id);
  if (message.revision) to.int64(2, message.revision);
  if (message.seenTime !== undefined) {
    const start = to.beginNested(3);
    writeTimestamp(to, message.seenTime);
    to.endNested(3, start);
  }
  if (message.writer) to.bool(4, message.writer);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Replica that ends at `end`, and merges it into `message`. */
export function readReplica(from: Reader, end: number, message: Replica = newReplica()): Replica {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // id = 1
        message.id = from.string(end);
        break;
      case 0x10: // revision = 2
        message.revision = from.int64(end);
        break;
      case 0x1a: // seen_time = 3
        message.seenTime = readTimestamp(from, from.nested(end), message.seenTime);
        break;
      case 0x20: // writer = 4
        message.writer = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newReplica(): Replica {
  return {
    $typeName: "duetkv.v1.Replica",
    id: "",
    revision: 0n,
    seenTime: undefined,
    writer: false,
  };
}

/** Writes a duetkv.v1.Certificate. */
export function writeCertificate(to: Writer, message: MessageInitShape<typeof CertificateSchema>): void {
  if (message.use) to.string(1, message.use);
  if (message.expireTime !== undefined) {
    const start = to.beginNested(2);
    writeTimestamp(to, message.expireTime);
    to.endNested(2, start);
  }
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Certificate that ends at `end`, and merges it into `message`. */
export function readCertificate(from: Reader, end: number, message: Certificate = newCertificate()): Certificate {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // use = 1
        message.use = from.string(end);
        break;
      case 0x12: // expire_time = 2
        message.expireTime = readTimestamp(from, from.nested(end), message.expireTime);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newCertificate(): Certificate {
  return {
    $typeName: "duetkv.v1.Certificate",
    use: "",
    expireTime: undefined,
  };
}

/** Writes a duetkv.v1.Grant. */
export function writeGrant(to: Writer, message: MessageInitShape<typeof GrantSchema>): void {
  if (message.prefix) to.string(1, message.prefix);
  for (const each of message.rights ?? []) to.string(2, each);
  if (message.deny) to.bool(3, message.deny);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a duetkv.v1.Grant that ends at `end`, and merges it into `message`. */
export function readGrant(from: Reader, end: number, message: Grant = newGrant()): Grant {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // prefix = 1
        message.prefix = from.string(end);
        break;
      case 0x12: // rights = 2
        from.element();
        message.rights.push(from.string(end));
        break;
      case 0x18: // deny = 3
        message.deny = from.bool(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newGrant(): Grant {
  return {
    $typeName: "duetkv.v1.Grant",
    prefix: "",
    rights: [],
    deny: false,
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["duetkv.v1.GetStatusRequest", { read: readGetStatusRequest, write: writeGetStatusRequest }],
  ["duetkv.v1.GetIdentityRequest", { read: readGetIdentityRequest, write: writeGetIdentityRequest }],
  ["duetkv.v1.GetIdentityResponse", { read: readGetIdentityResponse, write: writeGetIdentityResponse }],
  ["duetkv.v1.SnapshotRequest", { read: readSnapshotRequest, write: writeSnapshotRequest }],
  ["duetkv.v1.SnapshotResponse", { read: readSnapshotResponse, write: writeSnapshotResponse }],
  ["duetkv.v1.Replica", { read: readReplica, write: writeReplica }],
  ["duetkv.v1.Certificate", { read: readCertificate, write: writeCertificate }],
  ["duetkv.v1.Grant", { read: readGrant, write: writeGrant }],
];
