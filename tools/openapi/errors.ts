import { Code, ConnectError } from "@connectrpc/connect";
import { codeFromString, codeToString } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type Reason, reasons } from "../../src/reasons.ts";
import { toHttpStatus } from "../../src/wire/rest/error-status.ts";
import type { Header, Response, Schema } from "./document.ts";

const codes = Object.values(Code).filter((code): code is Code => typeof code === "number");

/** The body of every error: Connect's JSON, with google.rpc.ErrorInfo among the details. */
export const errorSchema: Schema = {
  type: "object",
  description: "An error. Codes and reasons are for programs, messages for people.",
  required: ["code"],
  properties: {
    code: { type: "string", enum: codes.map(codeToString) },
    message: { type: "string" },
    details: {
      type: "array",
      items: {
        type: "object",
        required: ["type", "value"],
        properties: {
          type: { type: "string", examples: ["google.rpc.ErrorInfo"] },
          value: {
            type: "string",
            contentEncoding: "base64",
            description: "The detail in protobuf's binary form.",
          },
          debug: {
            type: "object",
            description: "The detail as JSON.",
            properties: {
              reason: { type: "string" },
              domain: { type: "string" },
              metadata: { type: "object", additionalProperties: { type: "string" } },
            },
          },
        },
      },
    },
  },
};

/** A status and why it is given. */
export interface Failure {
  readonly status: number;
  readonly code: Code;
  readonly reason: Reason;
}

/** A failure with the status and the code that its reason has everywhere. */
export function failureFor(reason: Reason): Failure {
  const code = codeFromString(reasons[reason].code) as Code;
  const info = { desc: ErrorInfoSchema, value: { reason } };
  return { status: toHttpStatus(new ConnectError("", code, undefined, [info])), code, reason };
}

/** How every call can fail, whatever it does. */
export function commonFailures(hasBody: boolean): readonly Failure[] {
  const body: readonly Reason[] = hasBody ? ["REQUEST_TOO_LARGE", "ENCODING_UNSUPPORTED"] : [];
  const always: readonly Reason[] = [
    "REQUEST_MALFORMED",
    "HOST_NOT_ALLOWED",
    "ORIGIN_NOT_ALLOWED",
    "INTERNAL",
    "SHUTTING_DOWN",
    "DEADLINE_EXCEEDED",
  ];
  return [...always, ...body].map(failureFor);
}

const retryAfter: Header = {
  description: "Seconds after which it is worth trying again.",
  schema: { type: "integer" },
};

const currentTag: Header = {
  description: "The revision that the entry has now, in quotes; not there when there is no entry.",
  schema: { type: "string", pattern: '^"\\d+"$' },
};

const content = { "application/json": { schema: { $ref: "#/components/schemas/Error" } } };

/** Responses by status, each saying with which codes and reasons. */
export function errorResponses(failures: readonly Failure[]): Record<string, Response> {
  const byStatus = Object.groupBy(failures, ({ status }) => String(status));
  return Object.fromEntries(
    Object.entries(byStatus).map(([status, group = []]) => {
      const byCode = Object.groupBy(group, ({ code }) => codeToString(code));
      const description = Object.entries(byCode)
        .map(
          ([code, same = []]) => `\`${code}\`: ${[...new Set(same.map(({ reason }) => reason))].join(", ")}`,
        )
        .join("; ");
      const headers = {
        ...((status === "503" || status === "429") && { "Retry-After": retryAfter }),
        ...(group.some(({ reason }) => reason === "REVISION_MISMATCH") && { ETag: currentTag }),
      };
      return [status, { description, ...(Object.keys(headers).length > 0 && { headers }), content }];
    }),
  );
}
