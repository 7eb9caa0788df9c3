import type { Logger } from "../../logging.ts";
import { HashHistory } from "../../store/hash-history.ts";
import type { Store } from "../../store/store.ts";
import type { LogOwner, TransactionLogger } from "../../transaction-log/transaction-logger.ts";

export interface ReplicaComparisonOptions {
  readonly store: Store;
  readonly logger: Pick<TransactionLogger, "owners" | "onOwners">;
  readonly log: Logger;
}

interface Comparison {
  /** The revision at which the hashes were compared. */
  readonly revision: number;
  readonly differs: boolean;
}

/**
 * Compares the entries of all replicas at equal revisions, by the state hashes in their heartbeats. All replicas
 * apply the same log, so a difference means damage or a bug.
 */
export class ReplicaComparison {
  readonly #options: ReplicaComparisonOptions;
  readonly #hashes = new HashHistory();
  /** Heartbeats at revisions that this replica has not reached, by replica id. */
  readonly #pending = new Map<string, LogOwner>();
  readonly #comparisons = new Map<string, Comparison>();

  constructor(options: ReplicaComparisonOptions) {
    this.#options = options;
    this.#hashes.record(options.store);
    options.logger.onOwners = () => this.#onOwners(options.logger.owners ?? []);
  }

  /** The hash of the entries that this replica had at a revision; undefined when it is no longer known. */
  hashAt(revision: number): string | undefined {
    return this.#hashes.at(revision);
  }

  /** Whether another replica holds other entries than this one. */
  differs(id: string): boolean {
    return this.#comparisons.get(id)?.differs ?? false;
  }

  /** The number of replicas whose entries differ from this one's. */
  get differing(): number {
    let differing = 0;
    for (const { differs } of this.#comparisons.values()) differing += Number(differs);
    return differing;
  }

  /**
   * Why this replica must not serve: others hold different entries, and it is not in the majority. undefined
   * otherwise.
   */
  get fault(): string | undefined {
    const { differing } = this;
    const same = 1 + this.#comparisons.size - differing;
    if (differing === 0 || same > differing) return undefined;
    const revision = Math.max(...[...this.#comparisons.values()].map((comparison) => comparison.revision));
    return `replicas differ: of the replicas at revision ${revision}, ${differing} hold other entries than this one; restart the wrong replicas`;
  }

  /** Must be called after each transaction that the store has applied. */
  applied(): void {
    const { store } = this.#options;
    this.#hashes.record(store);
    if (this.#pending.size === 0) return;
    for (const owner of this.#pending.values()) if (owner.applied <= store.revision) this.#compare(owner);
  }

  #onOwners(owners: readonly LogOwner[]): void {
    const ids = new Set(owners.map(({ id }) => id));
    for (const map of [this.#pending, this.#comparisons]) {
      for (const id of map.keys()) if (!ids.has(id)) map.delete(id);
    }
    for (const owner of owners) {
      if (owner.self || owner.hash === undefined) continue;
      if (owner.applied <= this.#options.store.revision) this.#compare(owner);
      // Keep the pending heartbeat. Replaced by each later one, it would never be compared while this replica lags.
      else if (!this.#pending.has(owner.id)) this.#pending.set(owner.id, owner);
    }
  }

  #compare({ id, applied: revision, hash }: LogOwner): void {
    this.#pending.delete(id);
    const own = this.#hashes.at(revision);
    if (own === undefined) return;
    const before = this.#comparisons.get(id)?.differs ?? false;
    const differs = own !== hash;
    this.#comparisons.set(id, { revision, differs });
    if (differs === before) return;
    const { log } = this.#options;
    if (differs) {
      log.error(
        { replica: id, revision, hash: own, otherHash: hash },
        "replicas differ: another one holds other entries at the same revision",
      );
    } else {
      log.warn({ replica: id, revision }, "replicas that differed hold the same entries again");
    }
  }
}
