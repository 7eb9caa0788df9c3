import { Code } from "@connectrpc/connect";
import { KeyValueService } from "../../../gen/duetkv/v1/key_value_pb.ts";
import type { Reason } from "../../../src/reasons.ts";
import type { OpenApiConvention, OpenApiConventions } from "../convention.ts";
import type { Content, Header, Operation, Parameter, Response } from "../document.ts";
import type { Failure } from "../errors.ts";
import { queryParameters } from "../parameters.ts";

// Describes rest/key-value/conventions.ts in OpenAPI.

const keyReasons: readonly Reason[] = ["KEY_EMPTY", "KEY_TOO_LONG", "KEY_INVALID"];
const valueReasons: readonly Reason[] = [
  "VALUE_AMBIGUOUS",
  "VALUE_INVALID",
  "VALUE_TOO_LARGE",
  "TTL_INVALID",
];
const freshReasons: readonly Reason[] = ["REVISION_INVALID", "REVISION_NOT_REACHED"];
const checkReasons: readonly Reason[] = ["PRECONDITION_INVALID", "REVISION_MISMATCH", "KEY_EXISTS"];
const logReasons: readonly Reason[] = [
  "OVERLOADED",
  "LOG_UNAVAILABLE",
  "OUTCOME_UNKNOWN",
  "DATABASE_WENT_BACK_IN_TIME",
];

const requestReasons: readonly Reason[] = [
  "REQUEST_ID_INVALID",
  "REQUEST_ID_EXPIRED",
  "REQUEST_ID_REUSED",
  "RATE_LIMITED",
];

/** Conditions in headers that do not hold. */
const headerFailures: readonly Failure[] = [
  { status: 412, code: Code.Aborted, reason: "REVISION_MISMATCH" },
  { status: 412, code: Code.AlreadyExists, reason: "KEY_EXISTS" },
];

const entityTag: Header = {
  description: "The revision of the entry, in quotes.",
  schema: { type: "string", pattern: '^"\\d+"$' },
};

const revisionHeader: Header = {
  description: "The store's revision when it answered; for a write, the revision that it made.",
  schema: { type: "string", pattern: "^\\d+$" },
};

const revisionHeaders = { "Duetkv-Revision": revisionHeader };
const entryHeaders = { ...revisionHeaders, ETag: entityTag };

const writeConditions: readonly Parameter[] = [
  {
    name: "If-Match",
    in: "header",
    required: false,
    description:
      'Only if the entry has this revision ("7"), or if the key exists (*). Not with If-None-Match.',
    schema: { type: "string", pattern: '^(\\*|"[1-9]\\d*")$' },
  },
  {
    name: "If-None-Match",
    in: "header",
    required: false,
    description: "*: only if there is no such key.",
    schema: { type: "string", const: "*" },
  },
];

const idempotencyKey: Parameter = {
  name: "Idempotency-Key",
  in: "header",
  required: false,
  description:
    "The request_id as text: a UUIDv7, with which the request can be repeated safely for 10 minutes.",
  schema: {
    type: "string",
    pattern: "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
  },
};

const readCondition: Parameter = {
  name: "If-None-Match",
  in: "header",
  required: false,
  description: "An entity tag, or several: 304 if the entry still has one of them.",
  schema: { type: "string" },
};

const lastEventId: Parameter = {
  name: "Last-Event-ID",
  in: "header",
  required: false,
  description:
    "Goes on after the event with this id. Counts in place of start_revision and include_existing.",
  schema: { type: "string", pattern: "^\\d+$" },
};

/** A value as itself, in a request or a response. */
const rawContent: Content = {
  "text/plain": { schema: { type: "string" } },
  "application/octet-stream": {},
};

/** Added to the description of the response to a write. Its body is empty, so that no content type is declared. */
const jsonIfAsked =
  "The body is empty. It is JSON if Accept prefers application/json: `x-content-if-accepted` has its schema.";

const put: OpenApiConvention = {
  reasons: [
    ...keyReasons,
    ...valueReasons,
    ...checkReasons,
    ...requestReasons,
    "STORE_FULL",
    "QUOTA_EXCEEDED",
    ...logReasons,
  ],
  failures: headerFailures,
  revise(operation, { input }, schemas) {
    const elsewhere = input.fields.filter(({ name }) => /^(key|value|bytes_value)$/.test(name));
    const besideRaw = queryParameters(input, elsewhere, schemas).map((parameter) => ({
      ...parameter,
      description: ["Only beside a raw body.", parameter.description].filter(Boolean).join(" "),
    }));
    return {
      ...operation,
      description:
        "The body is the value, byte for byte: stored as text if it is UTF-8 and does not come as " +
        "application/octet-stream. Only application/json is read as the request's JSON; to store a JSON document as " +
        "it is, send it with another content type.",
      parameters: [...operation.parameters, ...besideRaw, ...writeConditions, idempotencyKey],
      requestBody: {
        required: true,
        content: { ...rawContent, "*/*": {}, ...operation.requestBody?.content },
      },
      responses: {
        "201": {
          description: `The value is stored, whether or not the key was new. ${jsonIfAsked}`,
          headers: entryHeaders,
          ...contentIfAccepted(operation),
        },
      },
    };
  },
};

const get: OpenApiConvention = {
  reasons: [...keyReasons, ...freshReasons, "NO_SUCH_KEY"],
  revise: (operation) => ({
    ...operation,
    parameters: [...operation.parameters, readCondition],
    responses: {
      "200": {
        description:
          "The value itself, as it was written: as text or as bytes. Or the entry, if Accept prefers JSON.",
        headers: entryHeaders,
        content: { ...rawContent, ...success(operation).content },
      },
      "304": { description: "The entry still has one of the tags of If-None-Match.", headers: entryHeaders },
    },
  }),
};

const remove: OpenApiConvention = {
  reasons: [...keyReasons, ...checkReasons, ...requestReasons, ...logReasons],
  failures: headerFailures,
  revise: (operation) => ({
    ...operation,
    parameters: [...operation.parameters, ...writeConditions, idempotencyKey],
    responses: {
      "200": {
        description: `There is no such key now, whether or not there was one. ${jsonIfAsked}`,
        headers: revisionHeaders,
        ...contentIfAccepted(operation),
      },
    },
  }),
};

const touch: OpenApiConvention = {
  reasons: [
    ...keyReasons,
    "TTL_INVALID",
    ...checkReasons,
    ...requestReasons,
    "NO_SUCH_KEY",
    "STORE_FULL",
    "QUOTA_EXCEEDED",
    ...logReasons,
  ],
  failures: headerFailures,
  revise: (operation) => ({
    ...operation,
    parameters: [...operation.parameters, ...writeConditions, idempotencyKey],
    responses: { "200": { ...success(operation), headers: revisionHeaders } },
  }),
};

const watch: OpenApiConvention = {
  reasons: [...keyReasons, "TOO_MANY_OPERATIONS", "RANGE_INVALID", "REVISION_INVALID", "REVISION_COMPACTED"],
  revise: (operation) => ({ ...operation, parameters: [...operation.parameters, lastEventId] }),
};

function jsonOnly(...reasons: readonly Reason[]): OpenApiConvention {
  return {
    reasons,
    revise: (operation) => ({
      ...operation,
      responses: { "200": { ...success(operation), headers: revisionHeaders } },
    }),
  };
}

const commit: OpenApiConvention = {
  reasons: [
    ...keyReasons,
    ...valueReasons,
    ...checkReasons,
    ...requestReasons,
    ...logReasons,
    "STORE_FULL",
    "QUOTA_EXCEEDED",
    "KEY_REPEATED",
    "TOO_MANY_OPERATIONS",
  ],
  revise: (operation) => ({
    ...operation,
    parameters: [...operation.parameters, idempotencyKey],
    responses: { "200": { ...success(operation), headers: revisionHeaders } },
  }),
};

const byMethod: Readonly<Record<string, OpenApiConvention>> = {
  Put: put,
  Get: get,
  Delete: remove,
  Touch: touch,
  List: jsonOnly(...keyReasons, ...freshReasons, "RANGE_INVALID", "PAGE_SIZE_INVALID", "PAGE_TOKEN_INVALID"),
  BatchGet: jsonOnly(...keyReasons, ...freshReasons, "TOO_MANY_OPERATIONS", "RESPONSE_TOO_LARGE"),
  Commit: commit,
  Watch: watch,
};

/** OpenAPI conventions of keys and values: raw bodies, entity tags, conditions in headers, resumable watches. */
export const keyValueOpenApiConventions: OpenApiConventions = new Map(
  Object.entries(byMethod).map(([name, convention]) => [`${KeyValueService.typeName}.${name}`, convention]),
);

function success({ responses }: Operation): Response {
  return responses["200"] as Response;
}

function contentIfAccepted(operation: Operation): Pick<Response, "x-content-if-accepted"> {
  const { content = {} } = success(operation);
  return { "x-content-if-accepted": content };
}
