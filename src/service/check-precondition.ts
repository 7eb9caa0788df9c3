import type { Precondition } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Condition } from "../database.ts";
import { DuetError } from "../errors.ts";

/** Checks a precondition; undefined when there is none. Throws PRECONDITION_INVALID. */
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
          "the revision must be at least 1; to require that a key is absent, use exists: false",
        );
      }
      return { revision: Number(condition.value) };
  }
}
