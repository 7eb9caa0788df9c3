import type { TouchRequest } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Operation } from "../database.ts";
import type { Limits } from "../limits.ts";
import { checkKey } from "./check-key.ts";
import { checkPrecondition } from "./check-precondition.ts";
import { checkTtl } from "./check-ttl.ts";
import { toOperation } from "./to-operation.ts";

/** Checks a touch. Throws the errors of `checkKey`, `checkTtl`, `checkPrecondition` or `toOperation`. */
export function checkTouch(request: TouchRequest, limits: Pick<Limits, "keyBytesMax">): Operation {
  const key = checkKey(request.key, limits);
  const ttlMs = checkTtl(request.ttl);
  const condition = checkPrecondition(request.precondition);
  const checks = condition === undefined ? [] : [{ key, condition }];
  return toOperation(checks, [{ type: "touch", key, ttlMs }], request.requestId);
}
