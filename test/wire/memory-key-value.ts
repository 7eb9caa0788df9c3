import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  type Entry,
  EntrySchema,
  type KeyValueService,
  type Precondition,
  type PutRequest,
  type WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Reason } from "../../src/reasons.ts";

/** The least key-value service that makes the wire show all it does: a Map, and the requests that came in. */
export interface MemoryKeyValue {
  readonly implementation: ServiceImpl<typeof KeyValueService>;
  readonly requests: unknown[];
  readonly contexts: HandlerContext[];
  /** What Watch yields; replace it. */
  watch: (signal: AbortSignal) => AsyncIterable<MessageInitShape<typeof WatchResponseSchema>>;
  /** Thrown by the next calls. */
  failure: unknown;
}

export function serviceError(
  code: Code,
  reason: Reason,
  metadata: Record<string, string> = {},
): ConnectError {
  return new ConnectError(`because of ${reason}`, code, undefined, [
    { desc: ErrorInfoSchema, value: { reason, domain: "duetkv", metadata } },
  ]);
}

export function createMemoryKeyValue(options: { record?: boolean } = {}): MemoryKeyValue {
  const record = options.record ?? true;
  const entries = new Map<string, Entry>();
  let revision = 0n;

  function begin(request: object, context: HandlerContext): void {
    if (record) {
      memory.requests.push(request);
      memory.contexts.push(context);
    }
    if (memory.failure !== undefined) throw memory.failure;
    const key = "key" in request ? request.key : undefined;
    if (key === "") throw serviceError(Code.InvalidArgument, "KEY_EMPTY");
    if (typeof key === "string" && key.includes("\0"))
      throw serviceError(Code.InvalidArgument, "KEY_INVALID");
  }

  function check(key: string, precondition: Precondition | undefined): void {
    const condition = precondition?.condition;
    const current = entries.get(key)?.revision ?? 0n;
    const metadata = { current_revision: String(current) };
    if (condition?.case === "revision" && condition.value !== current) {
      throw serviceError(Code.Aborted, "REVISION_MISMATCH", metadata);
    }
    if (condition?.case === "exists" && condition.value !== current > 0n) {
      throw condition.value
        ? serviceError(Code.Aborted, "REVISION_MISMATCH", metadata)
        : serviceError(Code.AlreadyExists, "KEY_EXISTS", metadata);
    }
  }

  function put({ key, value, bytesValue }: PutRequest): Entry {
    const before = entries.get(key);
    revision += 1n;
    const entry = create(EntrySchema, {
      key,
      revision,
      createRevision: before?.createRevision ?? revision,
      version: (before?.version ?? 0n) + 1n,
      updateTime: timestampFromMs(1_700_000_000_000),
    });
    if (bytesValue === undefined) entry.value = value ?? "";
    else entry.bytesValue = bytesValue;
    entries.set(key, entry);
    return entry;
  }

  const memory: MemoryKeyValue = {
    requests: [],
    contexts: [],
    failure: undefined,
    async *watch() {
      yield { revision };
    },
    implementation: {
      async put(request, context) {
        begin(request, context);
        check(request.key, request.precondition);
        const { key, createRevision, version } = put(request);
        return { revision, entry: { key, revision, createRevision, version } };
      },
      async get(request, context) {
        begin(request, context);
        const entry = entries.get(request.key);
        if (entry === undefined) throw serviceError(Code.NotFound, "NO_SUCH_KEY");
        return { revision, entry };
      },
      async delete(request, context) {
        begin(request, context);
        check(request.key, request.precondition);
        const deleted = entries.delete(request.key);
        if (deleted) revision += 1n;
        return { revision, deleted };
      },
      async touch(request, context) {
        begin(request, context);
        const entry = entries.get(request.key);
        if (entry === undefined) throw serviceError(Code.NotFound, "NO_SUCH_KEY");
        check(request.key, request.precondition);
        revision += 1n;
        const { value: _value, bytesValue: _bytesValue, ...rest } = entry;
        return { revision, entry: rest };
      },
      async list(request, context) {
        begin(request, context);
        const found = [...entries.values()].filter((entry) => entry.key.startsWith(request.prefix));
        return { revision, entries: found, count: BigInt(found.length) };
      },
      async history(request, context) {
        begin(request, context);
        return { revision, events: [] };
      },
      async batchGet(request, context) {
        begin(request, context);
        return {
          revision,
          entries: request.keys.flatMap((key) => entries.get(key) ?? []),
          missingKeys: request.keys.filter((key) => !entries.has(key)),
        };
      },
      async commit(request, context) {
        begin(request, context);
        return { revision, results: [] };
      },
      async *watch(request, context) {
        begin(request, context);
        yield* memory.watch(context.signal);
      },
    },
  };
  return memory;
}
