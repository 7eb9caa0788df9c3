import type { ServiceImpl } from "@connectrpc/connect";
import type { ForwardingService } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Database } from "../database.ts";
import { DuetError } from "../errors.ts";
import { forwardedOperationsMax, type Limits } from "../limits.ts";
import { readOperation } from "./operation-message.ts";
import { toOutcomeMessage } from "./outcome-message.ts";
import type { PeerProof } from "./peer-proof.ts";

export interface ForwardingServiceOptions {
  readonly database: Pick<Database, "commitHere" | "revision" | "storeId">;
  readonly limits: Limits;
  readonly proof: PeerProof;
  /** Called with the number of operations of each request. */
  readonly onReceived: (operations: number) => void;
}

/**
 * Commits what other replicas forward. Rights and rates were checked by the replica that received the call of the
 * client; so a caller has to prove that it is a replica.
 */
export function createForwardingService(
  options: ForwardingServiceOptions,
): ServiceImpl<typeof ForwardingService> {
  const { database, limits, proof, onReceived } = options;
  return {
    async forward({ storeId, operations }, { requestHeader }) {
      proof.require(requestHeader);
      if (storeId !== database.storeId) {
        throw new DuetError("REQUEST_MALFORMED", "the operations are for another store");
      }
      if (operations.length > forwardedOperationsMax) {
        throw new DuetError(
          "TOO_MANY_OPERATIONS",
          `${operations.length} operations were forwarded at once; the limit is ${forwardedOperationsMax}`,
        );
      }
      // All are checked before the first is begun: an error of the call means that nothing happened.
      const checked = operations.map((operation) => readOperation(operation, limits));
      onReceived(checked.length);
      const settled = await Promise.allSettled(checked.map((operation) => database.commitHere(operation)));
      return { revision: BigInt(database.revision), outcomes: settled.map(toOutcomeMessage) };
    },
  };
}
