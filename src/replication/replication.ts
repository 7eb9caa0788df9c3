import type { ConnectionOptions } from "node:tls";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ForwardingService } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Database, Writer } from "../database.ts";
import type { Limits } from "../limits.ts";
import type { Logger } from "../logging.ts";
import type { ForwardCounts } from "./forward-counts.ts";
import { Forwarder } from "./forwarder.ts";
import { createForwardingService } from "./forwarding-service.ts";
import { Peer } from "./peer.ts";
import type { PeerProof } from "./peer-proof.ts";

export interface ReplicationOptions {
  readonly database: Database;
  readonly limits: Limits;
  readonly proof: PeerProof;
  /** Whether this replica may connect to that HOST:PORT. */
  readonly mayReach: (address: string) => boolean;
  /** Undefined: the replicas do not use TLS. */
  readonly tls: () => ConnectionOptions | undefined;
  readonly log: Logger;
}

/** This replica among the others: as one that appends for them, and as one that forwards to the one that does. */
export class Replication {
  /** For the replicas alone; it proves that its callers are. */
  readonly service: ServiceImpl<typeof ForwardingService>;
  readonly #database: Database;
  readonly #forwarder: Forwarder;

  constructor({ database, limits, proof, mayReach, tls, log }: ReplicationOptions) {
    this.#database = database;
    this.#forwarder = new Forwarder({
      database,
      limits,
      log,
      async openPeer({ id, address }: Writer) {
        if (!mayReach(address))
          throw new Error("its address is not a loopback address, and there is no secret");
        return Peer.open({ id, address, storeId: database.storeId, proof, tls: tls() });
      },
    });
    const { counts } = this.#forwarder;
    this.service = createForwardingService({
      database,
      limits,
      proof,
      onReceived: (operations) => {
        counts.received += operations;
      },
    });
  }

  get counts(): ForwardCounts {
    return this.#forwarder.counts;
  }

  /** The others reach this replica at HOST:PORT from now on. */
  start(address: string): void {
    this.#database.advertise(address);
    this.#database.forwarding = this.#forwarder;
  }

  /** This replica is about to stop: another one shall append. */
  leave(): void {
    this.#database.advertise(undefined);
  }

  close(): void {
    this.#forwarder.close();
  }
}
