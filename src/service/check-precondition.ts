import type { Precondition } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Condition } from "../database.ts";
import { DuetError } from "../errors.ts";

/** undefined: nothing must hold. Throws PRECONDITION_INVALID. */
export function checkPrecondition(precondition: Precondition | undefined): Condition | undefined {
  const condition = precondition?.condition;
  switch (condition?.case) {
    case undefined:
      return undefined;
    case "exists":
      return { exists: condition.value };
    case "revision":
      if (condition.value < 1n) {
        throw new DuetError(
          "PRECONDITION_INVALID",
          "revisions count from 1; to say that a key is absent, use exists",
        );
      }
      return { revision: Number(condition.value) };
  }
}
