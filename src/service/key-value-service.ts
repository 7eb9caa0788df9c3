import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  type CommitResponseSchema,
  Consistency,
  type GetResponseSchema,
  type KeyValueService,
  type PutResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Database, EntryHead, Outcome, State } from "../database.ts";
import { textBytes } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { spanOf } from "../telemetry/call-span.ts";
import { checkAtRevision } from "./check-at-revision.ts";
import { checkCommit } from "./check-commit.ts";
import { checkKey } from "./check-key.ts";
import { checkPrecondition } from "./check-precondition.ts";
import { checkPut } from "./check-put.ts";
import { checkTouch } from "./check-touch.ts";
import { type EntryInit, toEntryInit, toEntryInitWithoutValue, toInt64 } from "./entry-init.ts";
import { checkHistory, history } from "./history.ts";
import { checkList, list } from "./list.ts";
import { toOperation } from "./to-operation.ts";
import { checkWatch, toWatchResponses } from "./watch.ts";

/** The only set of handlers. They throw DuetError; `intercept` converts it to the error that is sent. */
export function createKeyValueService(
  database: Database,
  limits: Limits,
): ServiceImpl<typeof KeyValueService> {
  /**
   * Resolves when the store is as fresh as the read requires and has applied `atRevision`; undefined when it already
   * is.
   */
  function fresh(
    { minRevision, consistency }: Freshness,
    atRevision: number,
    context: HandlerContext,
  ): Promise<void> | undefined {
    if (minRevision < 0n) throw new DuetError("REVISION_INVALID", "min_revision is negative");
    const linearizable = consistency !== Consistency.LOCAL;
    return database.fresh(
      { minRevision: Math.max(Number(minRevision), atRevision), linearizable },
      context,
      spanOf(context),
    );
  }

  /** The state at a revision; 0: the current state. Throws REVISION_COMPACTED. */
  function stateAt(revision: number): State {
    return revision === 0 ? database : database.at(revision);
  }

  function get(key: string, atRevision: number): MessageInitShape<typeof GetResponseSchema> {
    const state = stateAt(atRevision);
    const entry = state.view(key);
    if (entry === undefined) {
      throw new DuetError("NO_SUCH_KEY", "there is no such key", {
        metadata: { revision: String(state.revision) },
      });
    }
    return { revision: toInt64(state.revision), entry: toEntryInit(entry) };
  }

  return {
    // An async function would keep its request in memory for as long as the log takes.
    put(request, context) {
      const mutation = checkPut(request, limits);
      const condition = checkPrecondition(request.precondition);
      const checks = condition === undefined ? [] : [{ key: mutation.key, condition }];
      return database
        .commit(toOperation(checks, [mutation], request.requestId), spanOf(context))
        .then(toPutResponse);
    },

    // Returns no promise unless the read must wait: a promise would be a good part of the cost of a read.
    get(request, context) {
      const key = checkKey(request.key, limits);
      const atRevision = checkAtRevision(request.atRevision);
      const waiting = fresh(request, atRevision, context);
      return waiting === undefined ? get(key, atRevision) : waiting.then(() => get(key, atRevision));
    },

    async delete(request, context) {
      const key = checkKey(request.key, limits);
      const condition = checkPrecondition(request.precondition);
      const checks = condition === undefined ? [] : [{ key, condition }];
      const operation = toOperation(checks, [{ type: "delete", key, expired: false }], request.requestId);
      const { revision, results } = await database.commit(operation, spanOf(context));
      return { revision: toInt64(revision), deleted: results[0]?.deleted === true };
    },

    async touch(request, context) {
      const { revision, results } = await database.commit(checkTouch(request, limits), spanOf(context));
      return { revision: toInt64(revision), entry: toEntryInitWithoutValue(results[0]?.entry as EntryHead) };
    },

    async list(request, context) {
      const query = checkList(request, limits);
      await fresh(request, query.revision, context);
      return list(database, query, limits);
    },

    async history(request, context) {
      const query = checkHistory(request, limits);
      await fresh(newest, 0, context);
      return history(database, query, limits);
    },

    async batchGet(request, context) {
      if (request.keys.length === 0 || request.keys.length > limits.batchGetKeysMax) {
        throw new DuetError("TOO_MANY_OPERATIONS", `a batch reads 1 to ${limits.batchGetKeysMax} keys`);
      }
      for (const key of request.keys) checkKey(key, limits);
      const atRevision = checkAtRevision(request.atRevision);
      await fresh(request, atRevision, context);
      const state = stateAt(atRevision);
      const entries: EntryInit[] = [];
      const missingKeys: string[] = [];
      let bytes = 0;
      for (const key of request.keys) {
        const entry = state.view(key);
        bytes += entry?.bytes ?? textBytes(key);
        if (bytes > limits.batchGetBytesMax) {
          throw new DuetError(
            "RESPONSE_TOO_LARGE",
            `the response is larger than ${limits.batchGetBytesMax} bytes (--batch-get-bytes-max). Read fewer keys`,
          );
        }
        if (entry === undefined) missingKeys.push(key);
        else entries.push(toEntryInit(entry));
      }
      return { revision: toInt64(state.revision), entries, missingKeys };
    },

    commit: (request, context) =>
      database.commit(checkCommit(request, limits), spanOf(context)).then(toCommitResponse),

    watch(request, context) {
      const watch = checkWatch(request, limits);
      return toWatchResponses(database.watch(watch, context.signal), request);
    },
  };
}

function toPutResponse({ revision, results }: Outcome): MessageInitShape<typeof PutResponseSchema> {
  return { revision: toInt64(revision), entry: toEntryInitWithoutValue(results[0]?.entry as EntryHead) };
}

function toCommitResponse({ revision, results }: Outcome): MessageInitShape<typeof CommitResponseSchema> {
  return {
    revision: toInt64(revision),
    results: results.map(({ entry, deleted }) =>
      entry === undefined ? { deleted } : { entry: toEntryInitWithoutValue(entry) },
    ),
  };
}

interface Freshness {
  readonly consistency: Consistency;
  readonly minRevision: bigint;
}

/** The requirement of a request that has no fields for freshness. */
const newest: Freshness = { consistency: Consistency.LINEARIZABLE, minRevision: 0n };
