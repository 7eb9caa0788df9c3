import type { ServiceImpl } from "@connectrpc/connect";
import type {
  ForwardingService,
  Operation as OperationMessage,
} from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { CallSpan, Database, Operation } from "../database.ts";
import { DuetError } from "../errors.ts";
import { forwardedOperationsMax, type Limits } from "../limits.ts";
import { spanOf } from "../telemetry/call-span.ts";
import { readOperation } from "./operation-message.ts";
import { toOutcomeMessage, toRefusalMessage } from "./outcome-message.ts";
import { defaultTimes } from "./term.ts";

export interface ForwardingServiceOptions {
  readonly database: Pick<Database, "commitHere" | "replicaId" | "revision" | "stateHash" | "storeId">;
  readonly limits: Limits;
  /** Called with the number of operations of each request. */
  readonly onReceived: (operations: number) => void;
}

/**
 * Commits what other replicas forward. Rights and rates were checked by the replica that received the call of the
 * client. That a caller is a replica is checked before its request is read.
 */
export function createForwardingService(
  options: ForwardingServiceOptions,
): ServiceImpl<typeof ForwardingService> {
  const { database, onReceived } = options;
  return {
    async forward({ storeId, replicaId, operations, notAfter }, context) {
      if (storeId !== database.storeId) {
        throw new DuetError("REQUEST_MALFORMED", "the operations are for another store");
      }
      // Otherwise a replica could forward to itself, or in a circle.
      if (replicaId !== database.replicaId) {
        throw new DuetError("REQUEST_MALFORMED", "the operations are for another replica");
      }
      if (operations.length > forwardedOperationsMax) {
        throw new DuetError(
          "TOO_MANY_OPERATIONS",
          `${operations.length} operations were forwarded at once; the limit is ${forwardedOperationsMax}`,
        );
      }
      onReceived(operations.length);
      const requirement = requireInTime(Number(notAfter));
      const span = spanOf(context);
      const outcomes = await Promise.all(
        // One of them waits as long as all do.
        operations.map((operation, index) =>
          commit(operation, index === 0 ? span : undefined, requirement, options),
        ),
      );
      return { revision: BigInt(database.revision), stateHash: database.stateHash, outcomes };
    },
  };
}

/** Begins to commit before it returns, so that operations keep their order. */
async function commit(
  message: OperationMessage,
  span: CallSpan | undefined,
  requirement: (now: number) => void,
  { database, limits }: ForwardingServiceOptions,
) {
  let operation: Operation;
  try {
    operation = readOperation(message, limits);
  } catch (error) {
    // The limits of replicas may differ. The others of the request do not depend on it.
    return toRefusalMessage(error);
  }
  const [settled] = await Promise.allSettled([database.commitHere(operation, span, requirement)]);
  return toOutcomeMessage(settled);
}

/**
 * The other replica gives an operation up after this time, or commits it itself. The clock of the log may be set back
 * meanwhile: a failover to a server whose clock is behind. So the time since now counts, too. Throws DEADLINE_EXCEEDED.
 */
function requireInTime(notAfter: number): (now: number) => void {
  const receivedAt = performance.now();
  return (now) => {
    if (now <= notAfter && performance.now() - receivedAt <= defaultTimes.lengthMs) return;
    throw new DuetError("DEADLINE_EXCEEDED", "the operation came too late; it was not begun");
  };
}
