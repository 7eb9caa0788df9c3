import type { Duration } from "@bufbuild/protobuf/wkt";
import type { Mutation, Value } from "../database.ts";
import { valueBytes, valueBytesBound } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkKey } from "./check-key.ts";
import { checkTtl } from "./check-ttl.ts";

/** The common fields of PutRequest and PutMutation. */
interface Put {
  readonly key: string;
  readonly value?: string | undefined;
  readonly bytesValue?: Uint8Array | undefined;
  readonly ttl?: Duration | undefined;
}

type PutLimits = Pick<Limits, "keyBytesMax" | "valueBytesMax">;

/** Checks a put. Throws the errors of `checkKey`, VALUE_AMBIGUOUS, VALUE_INVALID, VALUE_TOO_LARGE or TTL_INVALID. */
export function checkPut(put: Put, limits: PutLimits): Mutation & { type: "put" } {
  return {
    type: "put",
    key: checkKey(put.key, limits),
    value: checkValue(put, limits),
    ttlMs: checkTtl(put.ttl),
  };
}

function checkValue({ value, bytesValue }: Put, limits: PutLimits): Value {
  if (value !== undefined && bytesValue !== undefined) {
    throw new DuetError("VALUE_AMBIGUOUS", "both value and bytes_value are set");
  }
  if (value?.isWellFormed() === false) throw new DuetError("VALUE_INVALID", "the value is not valid Unicode");
  const either = bytesValue ?? value ?? "";
  if (valueBytesBound(either) > limits.valueBytesMax && valueBytes(either) > limits.valueBytesMax) {
    throw new DuetError("VALUE_TOO_LARGE", `the value is larger than ${limits.valueBytesMax} bytes`);
  }
  // Copied, because the bytes may be a part of the request's buffer, which would stay in memory with them.
  return typeof either === "string" ? either : new Uint8Array(either);
}
