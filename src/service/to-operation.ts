import { type Check, type Mutation, type Operation, toRequestId } from "../database.ts";
import { DuetError } from "../errors.ts";

/** Builds the operation of a request. `requestId` is empty when the request has none. Throws REQUEST_ID_INVALID. */
export function toOperation(
  checks: readonly Check[],
  mutations: readonly Mutation[],
  requestId: Uint8Array,
): Operation {
  if (requestId.length === 0) return { checks, mutations, requestId: undefined };
  if (!isUuid7(requestId)) {
    throw new DuetError("REQUEST_ID_INVALID", "the request id is not a UUIDv7 of 16 bytes");
  }
  return { checks, mutations, requestId: toRequestId(requestId) };
}

/** RFC 9562, section 5.7: the version is in the high bits of byte 6, the variant in those of byte 8. */
function isUuid7(id: Uint8Array): boolean {
  return id.length === 16 && (id[6] as number) >> 4 === 7 && (id[8] as number) >> 6 === 2;
}
