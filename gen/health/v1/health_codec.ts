// @generated from file health/v1/health.proto (package grpc.health.v1), do not edit

import type { MessageInitShape } from "@bufbuild/protobuf";
import type { GeneratedCodec } from "../../../src/wire/protobuf/generated-codec.ts";
import type { Reader } from "../../../src/wire/protobuf/reader.ts";
import type { Writer } from "../../../src/wire/protobuf/writer.ts";
import type {
  HealthCheckRequest,
  HealthCheckRequestSchema,
  HealthCheckResponse,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus,
  HealthListRequest,
  HealthListRequestSchema,
} from "./health_pb.ts";

/** Writes a grpc.health.v1.HealthCheckRequest. */
export function writeHealthCheckRequest(to: Writer, message: MessageInitShape<typeof HealthCheckRequestSchema>): void {
  if (message.service) to.string(1, message.service);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.health.v1.HealthCheckRequest that ends at `end`, and merges it into `message`. */
export function readHealthCheckRequest(from: Reader, end: number, message: HealthCheckRequest = newHealthCheckRequest()): HealthCheckRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x0a: // service = 1
        message.service = from.string(end);
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newHealthCheckRequest(): HealthCheckRequest {
  return {
    $typeName: "grpc.health.v1.HealthCheckRequest",
    service: "",
  };
}

/** Writes a grpc.health.v1.HealthCheckResponse. */
export function writeHealthCheckResponse(to: Writer, message: MessageInitShape<typeof HealthCheckResponseSchema>): void {
  if (message.status) to.int32(1, message.status);
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.health.v1.HealthCheckResponse that ends at `end`, and merges it into `message`. */
export function readHealthCheckResponse(from: Reader, end: number, message: HealthCheckResponse = newHealthCheckResponse()): HealthCheckResponse {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      case 0x08: // status = 1
        message.status = from.int32(end) as HealthCheckResponse_ServingStatus;
        break;
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newHealthCheckResponse(): HealthCheckResponse {
  return {
    $typeName: "grpc.health.v1.HealthCheckResponse",
    status: 0,
  };
}

/** Writes a grpc.health.v1.HealthListRequest. */
export function writeHealthListRequest(to: Writer, message: MessageInitShape<typeof HealthListRequestSchema>): void {
  if ("$unknown" in message) to.unknownFields(message.$unknown);
}

/** Reads a grpc.health.v1.HealthListRequest that ends at `end`, and merges it into `message`. */
export function readHealthListRequest(from: Reader, end: number, message: HealthListRequest = newHealthListRequest()): HealthListRequest {
  while (from.position < end) {
    const tag = from.tag(end);
    switch (tag) {
      default:
        from.skip(tag, end);
    }
  }
  return message;
}

function newHealthListRequest(): HealthListRequest {
  return {
    $typeName: "grpc.health.v1.HealthListRequest",
  };
}

/** By the full name of the message. */
export const codecs: readonly (readonly [string, GeneratedCodec])[] = [
  ["grpc.health.v1.HealthCheckRequest", { read: readHealthCheckRequest, write: writeHealthCheckRequest }],
  ["grpc.health.v1.HealthCheckResponse", { read: readHealthCheckResponse, write: writeHealthCheckResponse }],
  ["grpc.health.v1.HealthListRequest", { read: readHealthListRequest, write: writeHealthListRequest }],
];
