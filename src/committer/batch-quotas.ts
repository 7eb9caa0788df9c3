import { DuetError } from "../errors.ts";
import type { QuotaCounter, QuotaUsage } from "../store/quota-usage.ts";

/** What a mutation adds to the store; negative: what it frees. */
export interface Growth {
  readonly key: string;
  readonly bytes: number;
  readonly entries: number;
}

interface Sum {
  bytes: number;
  entries: number;
}

/** What the mutations of an operation add together to each quota that they count towards. */
type QuotaGrowth = ReadonlyMap<QuotaCounter, Readonly<Sum>>;

/** Judges the operations of one batch by the quotas, each with what those before it in the batch add. */
export class BatchQuotas {
  readonly #usage: QuotaUsage;
  /** What the admitted operations add. */
  readonly #admitted = new Map<QuotaCounter, Sum>();

  constructor(usage: QuotaUsage) {
    this.#usage = usage;
  }

  /**
   * Returns what an operation adds to each quota, for `admit`. One that adds nothing to a quota passes even when the quota
   * is exceeded. Throws QUOTA_EXCEEDED.
   */
  judge(growths: readonly Growth[]): QuotaGrowth {
    const sums = new Map<QuotaCounter, Sum>();
    for (const { key, bytes, entries } of growths) {
      for (const counter of this.#usage.of(key)) add(sums, counter, { bytes, entries });
    }
    for (const [counter, sum] of sums) this.#check(counter, sum);
    return sums;
  }

  /** Counts an operation that `judge` has let pass, and nothing else has refused. */
  admit(growth: QuotaGrowth): void {
    for (const [counter, sum] of growth) add(this.#admitted, counter, sum);
  }

  #check(counter: QuotaCounter, growth: Sum): void {
    const { prefix, bytesMax = Infinity, entriesMax = Infinity } = counter.quota;
    const { bytes = 0, entries = 0 } = this.#admitted.get(counter) ?? {};
    if (growth.bytes > 0 && counter.bytes + bytes + growth.bytes > bytesMax) {
      throw quotaExceeded(prefix, "bytes", bytesMax);
    }
    if (growth.entries > 0 && counter.entries + entries + growth.entries > entriesMax) {
      throw quotaExceeded(prefix, "entries", entriesMax);
    }
  }
}

function add(sums: Map<QuotaCounter, Sum>, counter: QuotaCounter, { bytes, entries }: Sum): void {
  const sum = sums.get(counter);
  if (sum === undefined) sums.set(counter, { bytes, entries });
  else {
    sum.bytes += bytes;
    sum.entries += entries;
  }
}

function quotaExceeded(prefix: string, what: "bytes" | "entries", limit: number): DuetError {
  return new DuetError(
    "QUOTA_EXCEEDED",
    `the entries under the prefix would be over their quota of ${limit} ${what}; delete some, or raise the quota in the policy`,
    { metadata: { prefix, [what]: String(limit) } },
  );
}
