import { randomUUID } from "node:crypto";
import type { Clock } from "./committer/background/clock.ts";
import type { LogOwner, TransactionLogger } from "./transaction-log/transaction-logger.ts";

/** A server process of the store. */
export interface Replica {
  readonly id: string;
  /** The revision that it had applied at `seenTime`. */
  readonly revision: number;
  /** Milliseconds since 1970 UTC. */
  readonly seenTime: number;
  /** Whether it may append to the log. */
  readonly writer: boolean;
}

/** The replica that appends for all that take part. */
export interface Writer {
  readonly id: string;
  /** Whether it is this process. */
  readonly self: boolean;
  /** HOST:PORT. */
  readonly address: string;
}

/** A replica whose last heartbeat is older does not append for the others, in milliseconds. */
const leaseMs = 3_000;

/** How far a replica is behind the one that has come furthest. */
export interface ReplicaLag {
  readonly revisions: number;
  readonly milliseconds: number;
}

/** What this replica has applied. */
interface Applied {
  readonly revision: number;
  /** Of the last transaction, in milliseconds since 1970 UTC. */
  readonly time: number;
}

/** The live replicas of a store, as the heartbeats in a shared log show them. */
export class Replicas {
  readonly #logger: TransactionLogger;
  readonly #applied: Applied;
  readonly #clock: Clock;
  readonly #differs: (id: string) => boolean;
  /** Of this process, where the log gives it none. */
  readonly #id = randomUUID();

  /** `differs` tells whether the entries of another replica differ from those of this one. */
  constructor(logger: TransactionLogger, applied: Applied, clock: Clock, differs: (id: string) => boolean) {
    this.#logger = logger;
    this.#applied = applied;
    this.#clock = clock;
    this.#differs = differs;
  }

  /** Of this replica. */
  get id(): string {
    return this.#logger.owners?.find(({ self }) => self)?.id ?? this.#id;
  }

  /** This one first. */
  list(): readonly Replica[] {
    const { owners = [], clock } = this.#logger;
    const others = owners.filter(({ self }) => !self);
    const own = owners.find(({ self }) => self);
    const { id } = this;
    const seenTime = Math.round(clock?.now() ?? Date.now());
    const writer = this.writer();
    const appends = (owner: Pick<LogOwner, "id" | "address"> | undefined) =>
      writer === undefined || owner?.address === undefined || owner.id === writer.id;
    return [
      { id, revision: this.#applied.revision, seenTime, writer: appends(own) },
      ...others.map((owner) => ({ ...owner, revision: owner.applied, writer: appends(owner) })),
    ];
  }

  /**
   * The replica that appends for the others: of those with an address, a recent heartbeat and the same entries as this one
   * the one with the lowest id.
   * undefined when this replica has no address: it appends by itself. Two replicas may disagree for a moment; then both
   * append, which is correct, but slower.
   */
  writer(): Writer | undefined {
    const { owners = [], clock } = this.#logger;
    const now = clock?.now() ?? Date.now();
    let writer: Writer | undefined;
    let takesPart = false;
    for (const { id, self, address, seenTime } of owners) {
      if (address === undefined) continue;
      if (self) takesPart = true;
      if (now - seenTime >= leaseMs || this.#differs(id)) continue;
      if (writer === undefined || id < writer.id) writer = { id, self, address };
    }
    return takesPart ? writer : undefined;
  }

  /** Of this replica, by the last heartbeats; undefined where the log has one owner only. */
  lag(): ReplicaLag | undefined {
    const { shared, owners = [] } = this.#logger;
    if (!shared) return undefined;
    const { revision, time } = this.#applied;
    const revisions = Math.max(revision, ...owners.map(({ applied }) => applied)) - revision;
    return { revisions, milliseconds: revisions === 0 ? 0 : Math.max(0, this.#clock() - time) };
  }
}
