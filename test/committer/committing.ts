import { Applier } from "../../src/committer/applier.ts";
import { BatchRequests } from "../../src/committer/batch-requests.ts";
import { Committer } from "../../src/committer/committer.ts";
import type { EngineTracer } from "../../src/committer/engine-tracer.ts";
import type { Check, Condition, Mutation, Operation, Outcome } from "../../src/committer/operation.ts";
import { RequestIndex } from "../../src/committer/request-index.ts";
import { defaultLimits, type Limits } from "../../src/limits.ts";
import { prefixRange } from "../../src/store/key-range.ts";
import { MapStore } from "../../src/store/map-store.ts";
import { type Quota, QuotaUsage } from "../../src/store/quota-usage.ts";
import type { Store } from "../../src/store/store.ts";
import { toRequestId } from "../../src/transaction-log/codec/request-id.ts";
import type { Transaction } from "../../src/transaction-log/transaction-logger.ts";
import { FakeLogger } from "./fake-logger.ts";

/** A committer on an empty store, and what it did. */
export interface Committing {
  readonly store: Store;
  readonly requests: RequestIndex;
  readonly quotas: QuotaUsage;
  readonly logger: FakeLogger;
  readonly committer: Committer;
  /** Every transaction, in the order in which it was applied. */
  readonly applied: Transaction[];
  /** Milliseconds since 1970; may be set. */
  time: number;
}

export function startCommitting(
  limits: Partial<Limits> = {},
  quotas: readonly Quota[] = [],
  tracer?: EngineTracer,
): Committing {
  const store = new MapStore();
  const usage = new QuotaUsage(store, quotas);
  const requests = new RequestIndex(store);
  const logger = new FakeLogger();
  const applied: Transaction[] = [];
  const committer = new Committer({
    store,
    requests,
    quotas: usage,
    logger,
    limits: { ...defaultLimits, ...limits },
    clock: () => committing.time,
    tracer,
    applier: new Applier({
      store,
      logger,
      onApplied: (transaction, changes) => {
        requests.applied(transaction);
        usage.applied(changes);
        applied.push(transaction);
      },
      onRun: () => {},
    }),
  });
  const committing: Committing = {
    store,
    requests,
    quotas: usage,
    logger,
    committer,
    applied,
    time: 1_000_000,
  };
  return committing;
}

/** What a batch knows of request ids when there were none. */
export function noRequests(): BatchRequests {
  return new BatchRequests(new RequestIndex(new MapStore()), defaultLimits.requestIdsBytesMax);
}

export function put(key: string, value = "", ttlMs = 0): Mutation {
  return { type: "put", key, value, ttlMs };
}

export function remove(key: string): Mutation {
  return { type: "delete", key, expired: false };
}

export function touch(key: string, ttlMs: number): Mutation {
  return { type: "touch", key, ttlMs };
}

export function check(key: string, condition: Condition): Check {
  return { key, condition };
}

export function operation(mutations: readonly Mutation[], ...checks: readonly Check[]): Operation {
  return { checks, mutations, requestId: undefined };
}

/** The same with a request id. */
export function repeatable({ checks, mutations }: Operation, requestId: Uint8Array): Operation {
  return { checks, mutations, requestId: toRequestId(requestId) };
}

/** An outcome as clients see it. */
export function seen({ revision, results }: Outcome) {
  return {
    revision,
    results: results.map(({ entry, deleted }) => {
      if (entry === undefined) return deleted;
      const { key, revision: entryRevision, createRevision, version, updateTime, expireTime } = entry;
      return { key, revision: entryRevision, createRevision, version, updateTime, expireTime };
    }),
  };
}

/** "OK", or the reason of the failure. */
export function outcomeOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "OK",
    (error: unknown) => (error as { readonly reason?: string }).reason ?? String(error),
  );
}

/** Key to value. */
export function contents(store: Store): Record<string, unknown> {
  return Object.fromEntries(Array.from(store.scan(prefixRange(""), false), ({ key, value }) => [key, value]));
}
