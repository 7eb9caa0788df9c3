import { isUtf8 } from "node:buffer";
import type { IncomingHttpHeaders, OutgoingHttpHeaders } from "node:http";
import type { Message, MessageInitShape } from "@bufbuild/protobuf";
import { Code, type ConnectError } from "@connectrpc/connect";
import {
  type CommitRequest,
  type DeleteRequest,
  type DeleteResponseSchema,
  type EntrySchema,
  type GetResponseSchema,
  KeyValueService,
  type PutRequest,
  type PutResponseSchema,
  type TouchRequest,
  type TouchResponseSchema,
  type WatchRequest,
  type WatchResponse,
} from "../../../../gen/duetkv/v1/key_value_pb.ts";
import type { ByteSpan } from "../../../byte-span.ts";
import type { Spans } from "../../protobuf/spans.ts";
import { wireError } from "../../wire-error.ts";
import type { RestConvention, RestConventions, RestResponse } from "../convention.ts";
import { prefersJson } from "./accept.ts";
import { hasPreconditionHeader, isNotModified, readPrecondition, toEntityTag } from "./entity-tags.ts";
import { readIdempotencyKey } from "./idempotency-key.ts";
import { mediaTypeOf } from "./media-type.ts";
import { parseRevision } from "./revision.ts";

const jsonHint = "To store a JSON document as it is, send it with another content type, such as text/plain";

/** Values travel as themselves, not wrapped in JSON, unless a client asks for JSON. */
const put: RestConvention<PutRequest, MessageInitShape<typeof PutResponseSchema>> = {
  pathReason: "KEY_INVALID",
  jsonHint,
  takesRawBody: (headers) => mediaTypeOf(headers["content-type"]) !== "application/json",
  rawBodyFields: ["value", "bytes_value"],
  readRawBody(request, body, headers) {
    const isText = mediaTypeOf(headers["content-type"]) !== "application/octet-stream" && isUtf8(body);
    if (isText) request.value = body.toString();
    // A copy, so that a stored value does not keep the whole block alive that the socket read into.
    else request.bytesValue = new Uint8Array(body);
  },
  readHeaders: readWriteHeaders,
  errorStatus: preconditionStatus,
  respond({ entry, revision = 0n }, headers, json) {
    const extra = entry === undefined ? {} : { etag: toEntityTag(entry.revision) };
    return respondToWrite(201, revision, extra, headers, json);
  },
};

const remove: RestConvention<DeleteRequest, MessageInitShape<typeof DeleteResponseSchema>> = {
  pathReason: "KEY_INVALID",
  readHeaders: readWriteHeaders,
  errorStatus: preconditionStatus,
  respond: ({ revision = 0n }, headers, json) => respondToWrite(200, revision, {}, headers, json),
};

const touch: RestConvention<TouchRequest, MessageInitShape<typeof TouchResponseSchema>> = {
  readHeaders: readWriteHeaders,
  errorStatus: preconditionStatus,
  respond: ({ revision = 0n }, _headers, json) =>
    withJson(200, { "duetkv-revision": String(revision) }, json),
};

const get: RestConvention<Message, MessageInitShape<typeof GetResponseSchema>> = {
  pathReason: "KEY_INVALID",
  respond({ entry, revision = 0n }, requestHeaders, json) {
    const headers: OutgoingHttpHeaders = { "duetkv-revision": String(revision), vary: "Accept" };
    if (entry !== undefined) {
      headers["etag"] = toEntityTag(entry.revision);
      if (isNotModified(requestHeaders["if-none-match"], entry.revision)) {
        return { status: 304, headers, body: "" };
      }
    }
    if (prefersJson(requestHeaders.accept)) return withJson(200, headers, json);
    return { status: 200, headers, body: rawValue(entry, headers) };
  },
};

/** JSON, and the store's revision in a header. */
const jsonOnly: RestConvention<Message, { revision?: bigint }> = {
  respond: ({ revision = 0n }, _headers, json) =>
    withJson(200, { "duetkv-revision": String(revision) }, json),
};

const commit: RestConvention<CommitRequest, { revision?: bigint }> = {
  ...(jsonOnly as RestConvention<Message, { revision?: bigint }>),
  readHeaders: readIdempotencyKey,
};

const watch: RestConvention<WatchRequest, WatchResponse> = {
  readHeaders(request, headers) {
    const lastEventId = headers["last-event-id"];
    if (lastEventId === undefined || lastEventId === "") return;
    const revision = parseRevision(String(lastEventId));
    if (revision === undefined) {
      throw wireError(
        Code.InvalidArgument,
        "REVISION_INVALID",
        "Last-Event-ID must be the id of an event of this service",
      );
    }
    // An EventSource repeats its URL when it connects again; what it has seen already goes before what that says.
    request.startRevision = revision;
    request.includeExisting = false;
  },
  eventId: ({ resumeRevision }) => (resumeRevision === undefined ? undefined : String(resumeRevision)),
};

const byMethod = {
  Put: put,
  Get: get,
  Delete: remove,
  Touch: touch,
  List: jsonOnly,
  BatchGet: jsonOnly,
  Commit: commit,
  Watch: watch,
};

/** How REST speaks of keys and values: raw bodies, entity tags, preconditions in headers, resumable watches. */
export const keyValueConventions: RestConventions = new Map(
  Object.entries(byMethod).map(([name, convention]) => [
    `${KeyValueService.typeName}.${name}`,
    convention as RestConvention,
  ]),
);

function readWriteHeaders(
  request: PutRequest | DeleteRequest | TouchRequest,
  headers: IncomingHttpHeaders,
): void {
  readIdempotencyKey(request, headers);
  const precondition = readPrecondition(headers);
  if (precondition === undefined) return;
  if (request.precondition !== undefined) {
    const message = "both the headers and the request have a precondition; send only one";
    throw wireError(Code.InvalidArgument, "PRECONDITION_INVALID", message);
  }
  request.precondition = precondition;
}

/** HTTP has a status of its own for conditions in headers that do not hold. */
function preconditionStatus(error: ConnectError, headers: IncomingHttpHeaders): number | undefined {
  const failed = error.code === Code.Aborted || error.code === Code.AlreadyExists;
  return failed && hasPreconditionHeader(headers) ? 412 : undefined;
}

function respondToWrite(
  status: number,
  revision: bigint,
  extra: OutgoingHttpHeaders,
  requestHeaders: IncomingHttpHeaders,
  json: () => string,
): RestResponse {
  const headers = { "duetkv-revision": String(revision), vary: "Accept", ...extra };
  return prefersJson(requestHeaders.accept) ? withJson(status, headers, json) : { status, headers, body: "" };
}

function withJson(status: number, headers: OutgoingHttpHeaders, json: () => string): RestResponse {
  headers["content-type"] = "application/json";
  return { status, headers, body: json() };
}

/** Node sends the headers and a text of up to about this length in one piece, which costs less than it takes to decode it. */
const shortTextBytes = 1024;

/** The value of an entry as a body; says in the headers what it is. */
function rawValue(
  entry: (MessageInitShape<typeof EntrySchema> & Spans<"value">) | undefined,
  headers: OutgoingHttpHeaders,
): string | Uint8Array {
  const bytes = entry?.bytesValue;
  headers["x-content-type-options"] = "nosniff";
  // A value that a browser opens as a page must not act on the origin of the API.
  headers["content-security-policy"] = "sandbox";
  headers["content-type"] = bytes === undefined ? "text/plain; charset=utf-8" : "application/octet-stream";
  if (bytes !== undefined) return bytes;
  const text = entry?.$value;
  return text !== undefined && text.end - text.start > shortTextBytes ? copyOf(text) : (entry?.value ?? "");
}

/** A body belongs to its response, which may be sent long after this turn of the event loop. */
function copyOf({ buffer, start, end }: ByteSpan): Uint8Array {
  return Buffer.from(buffer.subarray(start, end));
}
