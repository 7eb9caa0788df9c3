import type { HttpRequest } from "../http/connection.ts";
import type { Precondition, PutRequest } from "./messages.ts";

/**
 * The REST request of a put, whose body is the value as it is: in JSON a text may take six times its bytes, and bytes take
 * four thirds. `requestId` is Base64.
 */
export function toRawPut(
  { key, value, bytesValue, ttl, precondition }: PutRequest,
  requestId: string,
): HttpRequest {
  const digits = Buffer.from(requestId, "base64").toString("hex");
  return {
    method: "PUT",
    path: `/v1/key/${encodeURIComponent(key)}${ttl === undefined ? "" : `?ttl=${ttl}`}`,
    headers: {
      Accept: "application/json",
      "Content-Type": value === undefined ? "application/octet-stream" : "text/plain; charset=utf-8",
      "Idempotency-Key": digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-"),
      ...(precondition && toHeader(precondition)),
    },
    body: value ?? Buffer.from(bytesValue ?? "", "base64"),
  };
}

function toHeader(precondition: Precondition): Readonly<Record<string, string>> {
  if ("revision" in precondition) return { "If-Match": `"${precondition.revision}"` };
  return precondition.exists ? { "If-Match": "*" } : { "If-None-Match": "*" };
}
