import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import {
  Consistency,
  type GetResponseSchema,
  type KeyValueService,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Database, Entry } from "../database.ts";
import { textBytes } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkCommit } from "./check-commit.ts";
import { checkKey } from "./check-key.ts";
import { checkPrecondition } from "./check-precondition.ts";
import { checkPut } from "./check-put.ts";
import { type EntryInit, toEntryInit, toEntryInitWithoutValue } from "./entry-init.ts";
import { list } from "./list.ts";
import { checkWatch, toWatchResponses } from "./watch.ts";

/** The only handler set. Handlers throw DuetError; `intercept` turns it into what is sent. */
export function createKeyValueService(
  database: Database,
  limits: Limits,
): ServiceImpl<typeof KeyValueService> {
  /** Resolves when the store is as fresh as the read asks for; undefined when it is. */
  function fresh({ minRevision, consistency }: Read, context: HandlerContext): Promise<void> | undefined {
    if (minRevision < 0n) throw new DuetError("REVISION_INVALID", "min_revision is negative");
    const linearizable = consistency !== Consistency.LOCAL;
    return database.fresh({ minRevision: Number(minRevision), linearizable }, context);
  }

  function get(key: string): MessageInitShape<typeof GetResponseSchema> {
    const entry = database.get(key);
    if (entry === undefined) {
      throw new DuetError("NO_SUCH_KEY", "there is no such key", {
        metadata: { revision: String(database.revision) },
      });
    }
    return { revision: BigInt(database.revision), entry: toEntryInit(entry) };
  }

  return {
    async put(request) {
      const mutation = checkPut(request, limits);
      const condition = checkPrecondition(request.precondition);
      const checks = condition === undefined ? [] : [{ key: mutation.key, condition }];
      const { revision, results } = await database.commit({ checks, mutations: [mutation] });
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
      const { revision, results } = await database.commit({
        checks: condition === undefined ? [] : [{ key, condition }],
        mutations: [{ type: "delete", key, expired: false }],
      });
      const deleted = results[0]?.previous !== undefined;
      return { revision: BigInt(revision), deleted };
    },

    async list(request, context) {
      await fresh(request, context);
      return list(database, request, limits);
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
        const entry = database.get(key);
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
      return { revision: BigInt(database.revision), entries, missingKeys };
    },

    async commit(request) {
      const operation = checkCommit(request, limits);
      const { revision, results } = await database.commit(operation);
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
      return toWatchResponses(database.watch(watch, context.signal), request);
    },
  };
}

interface Read {
  readonly consistency: Consistency;
  readonly minRevision: bigint;
}
