import type { ConnectionOptions } from "node:tls";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ForwardingService } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Database, Writer } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Logger } from "../logging.ts";
import type { ForwardCounts } from "./forward-counts.ts";
import { Forwarder } from "./forwarder.ts";
import { createForwardingService } from "./forwarding-service.ts";
import { Peer } from "./peer.ts";
import type { PeerCodec } from "./peer-codec.ts";
import { type PeerProof, proofHeader } from "./peer-proof.ts";
import type { RequestTracer } from "./request-tracer.ts";

export interface ReplicationOptions {
  readonly database: Database;
  readonly limits: Limits;
  readonly codec: PeerCodec;
  readonly proof: PeerProof;
  /** Whether this replica may connect to that HOST:PORT. */
  readonly mayReach: (address: string) => boolean;
  /** Undefined: the replicas do not use TLS. */
  readonly tls: () => ConnectionOptions | undefined;
  readonly log: Logger;
  readonly tracer: RequestTracer | undefined;
  /** Called once by `close`. */
  readonly onClose: () => void;
}

/** This replica among the others: as one that appends for them, and as one that forwards to the one that does. */
export class Replication {
  /** For the replicas alone, see `requireReplica`. */
  readonly service: ServiceImpl<typeof ForwardingService>;
  readonly #database: Database;
  readonly #forwarder: Forwarder;
  readonly #proof: PeerProof;
  readonly #onClose: () => void;

  constructor({ database, limits, codec, proof, mayReach, tls, log, tracer, onClose }: ReplicationOptions) {
    this.#database = database;
    this.#proof = proof;
    this.#onClose = onClose;
    this.#forwarder = new Forwarder({
      database,
      limits,
      codec,
      log,
      tracer,
      async openPeer({ id, address }: Writer) {
        if (!mayReach(address))
          throw new Error("its address is not a loopback address, and there is no secret");
        const now = () => database.time;
        return Peer.open({ id, address, storeId: database.storeId, codec, proof, now, tls: tls() });
      },
    });
    const { counts } = this.#forwarder;
    this.service = createForwardingService({
      database,
      limits,
      onReceived: (operations) => {
        counts.received += operations;
      },
    });
  }

  /** Whether callers of the service can be told from others. */
  get needsProof(): boolean {
    return this.#proof.isNeeded;
  }

  /** Throws when a caller of the service does not prove that it is a replica, or does not use the protocol of replicas. */
  requireReplica(origin: { header(name: string): string | undefined }, protocol: string): void {
    try {
      if (protocol !== "grpc") throw new DuetError("NO_SUCH_METHOD", "this method is for gRPC alone");
      const { storeId, replicaId, time } = this.#database;
      this.#proof.require(origin.header(proofHeader), { storeId, replicaId, time });
    } catch (error) {
      this.counts.denied++;
      throw error;
    }
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
    this.#onClose();
  }
}
