import type { EntryHead } from "../store/entry.ts";
import type { RequestId } from "../transaction-log/codec/request-id.ts";
import type { Value } from "../transaction-log/transaction-logger.ts";

/**
 * A condition on an entry: it has exactly this revision; it exists, or does not; or it has expired at this time
 * (milliseconds since 1970).
 */
export type Condition =
  | { readonly revision: number }
  | { readonly exists: boolean }
  | { readonly expiredAt: number };

export interface Check {
  readonly key: string;
  readonly condition: Condition;
}

export type Mutation =
  | {
      readonly type: "put";
      readonly key: string;
      readonly value: Value;
      /** Milliseconds until it expires; 0: never. */
      readonly ttlMs: number;
    }
  | { readonly type: "delete"; readonly key: string; readonly expired: boolean }
  | {
      /** Sets the expire time of the entry and changes nothing else. */
      readonly type: "touch";
      readonly key: string;
      /** Milliseconds until it expires; 0: never. */
      readonly ttlMs: number;
    };

/**
 * If all checks hold, all mutations are applied at one revision; otherwise none is. No two mutations have the same
 * key.
 */
export interface Operation {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  /** undefined: the operation is not remembered. */
  readonly requestId: RequestId | undefined;
}

/** The result of one mutation. */
export interface MutationResult {
  /** The new entry after a put or touch. */
  readonly entry: EntryHead | undefined;
  /** After a delete: whether the entry existed. */
  readonly deleted: boolean;
}

export interface Outcome {
  /**
   * The revision of the operation. If it changed nothing and has no request id, the revision at which it was
   * evaluated.
   */
  readonly revision: number;
  /** One result for each mutation. */
  readonly results: readonly MutationResult[];
}
