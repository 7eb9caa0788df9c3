import type { EntryHead } from "../store/entry.ts";
import type { Value } from "../transaction-log/transaction-logger.ts";

/**
 * What must hold of an entry: its revision is exactly this; it exists, or does not; or its time to live has passed at this
 * time, in milliseconds since 1970.
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
      /** Sets when the entry expires, and changes nothing else of it. */
      readonly type: "touch";
      readonly key: string;
      /** Milliseconds until it expires; 0: never. */
      readonly ttlMs: number;
    };

/** If all checks hold, all mutations happen at one revision; otherwise none. No key is mutated twice. */
export interface Operation {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
  /**
   * UUIDv7, 16 bytes. It makes it safe to repeat the operation: one with the same id and content has the outcome of the
   * first that succeeded. undefined: it is not remembered.
   */
  readonly requestId: Uint8Array | undefined;
}

/** What became of one mutation. */
export interface MutationResult {
  /** After a put or touch. */
  readonly entry: EntryHead | undefined;
  /** After a delete: whether there was an entry. */
  readonly deleted: boolean;
}

export interface Outcome {
  /** The revision that the operation made; if it changed nothing and has no request id, that of the state which it saw. */
  readonly revision: number;
  /** One for each mutation. */
  readonly results: readonly MutationResult[];
}
