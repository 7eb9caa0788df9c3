import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  Consistency,
  type GetResponseSchema,
  type KeyValueService,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Committer } from "../committer/committer.ts";
import type { ReadBarrier } from "../committer/read-barrier.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Entry } from "../store/entry.ts";
import type { RevisionGate } from "../store/revision-gate.ts";
import type { ReadonlyStore } from "../store/store.ts";
import { textBytes } from "../store/text.ts";
import type { WatchHub } from "../store/watch/hub.ts";
import { checkCommit } from "./check-commit.ts";
import { checkKey } from "./check-key.ts";
import { checkPrecondition } from "./check-precondition.ts";
import { checkPut } from "./check-put.ts";
import { type EntryInit, toEntryInit, toEntryInitWithoutValue } from "./entry-init.ts";
import { list } from "./list.ts";
import { checkWatch, toWatchResponses } from "./watch.ts";

export interface KeyValueServiceOptions {
  readonly store: ReadonlyStore;
  readonly committer: Pick<Committer, "commit">;
  readonly hub: Pick<WatchHub, "watch">;
  readonly gate: RevisionGate;
  readonly barrier: ReadBarrier;
  readonly limits: Limits;
}

/** The only handler set. Handlers throw DuetError; `intercept` turns it into what is sent. */
export function createKeyValueService(options: KeyValueServiceOptions): ServiceImpl<typeof KeyValueService> {
  const { store, committer, hub, gate, barrier, limits } = options;

  /** Resolves when the store is as fresh as the read asks for; undefined when it is. */
  function fresh({ minRevision, consistency }: Read, context: HandlerContext): Promise<void> | undefined {
    if (minRevision < 0n) throw new DuetError("REVISION_INVALID", "min_revision is negative");
    // A little less than the deadline, so that the caller hears what it was that did not come.
    const timeoutMs = () => Math.max(0, Math.floor((context.timeoutMs() ?? limits.revisionWaitMs) * 0.9));
    if (minRevision > store.revision) {
      return gate.reached(Number(minRevision), timeoutMs(), context.signal).then(() => passed());
    }
    return passed();

    function passed() {
      if (consistency === Consistency.LOCAL || !barrier.needed) return undefined;
      return barrier.pass(timeoutMs, () => context.signal);
    }
  }

  function get(key: string): MessageInitShape<typeof GetResponseSchema> {
    const entry = store.get(key);
    if (entry === undefined) {
      throw new DuetError("NO_SUCH_KEY", "there is no such key", {
        metadata: { revision: String(store.revision) },
      });
    }
    return { revision: BigInt(store.revision), entry: toEntryInit(entry) };
  }

  return {
    async put(request) {
      const mutation = checkPut(request, limits);
      const condition = checkPrecondition(request.precondition);
      const checks = condition === undefined ? [] : [{ key: mutation.key, condition }];
      const { revision, results } = await committer.commit({ checks, mutations: [mutation] });
      const entry = toEntryInitWithoutValue(results[0]?.entry as Entry);
      return { revision: BigInt(revision), entry };
    },

    // Without a promise where nothing is to be waited for: it would be a good part of what a read costs.
    get(request, context) {
      const key = checkKey(request.key, limits);
      const waiting = fresh(request, context);
      return waiting === undefined ? get(key) : waiting.then(() => get(key));
    },

    async delete(request) {
      const key = checkKey(request.key, limits);
      const condition = checkPrecondition(request.precondition);
      const { revision, results } = await committer.commit({
        checks: condition === undefined ? [] : [{ key, condition }],
        mutations: [{ type: "delete", key, expired: false }],
      });
      const deleted = results[0]?.previous !== undefined;
      return { revision: BigInt(revision), deleted };
    },

    async list(request, context) {
      await fresh(request, context);
      return list(store, request, limits);
    },

    async batchGet(request, context) {
      if (request.keys.length === 0 || request.keys.length > limits.batchGetKeysMax) {
        throw new DuetError("TOO_MANY_OPERATIONS", `a batch reads 1 to ${limits.batchGetKeysMax} keys`);
      }
      for (const key of request.keys) checkKey(key, limits);
      await fresh(request, context);
      const entries: EntryInit[] = [];
      const missingKeys: string[] = [];
      let bytes = 0;
      for (const key of request.keys) {
        const entry = store.get(key);
        bytes += entry?.bytes ?? textBytes(key);
        if (bytes > limits.batchGetBytesMax) {
          throw new DuetError(
            "RESPONSE_TOO_LARGE",
            `the response is larger than ${limits.batchGetBytesMax} bytes (--batch-get-bytes-max); read fewer keys`,
          );
        }
        if (entry === undefined) missingKeys.push(key);
        else entries.push(toEntryInit(entry));
      }
      return { revision: BigInt(store.revision), entries, missingKeys };
    },

    async commit(request) {
      const operation = checkCommit(request, limits);
      const { revision, results } = await committer.commit(operation);
      return {
        revision: BigInt(revision),
        results: results.map(({ entry, previous }) =>
          entry === undefined
            ? { deleted: previous !== undefined }
            : { entry: toEntryInitWithoutValue(entry) },
        ),
      };
    },

    watch(request, context) {
      const watch = checkWatch(request, limits);
      return toWatchResponses(hub.watch(watch, context.signal), request);
    },
  };
}

interface Read {
  readonly consistency: Consistency;
  readonly minRevision: bigint;
}
