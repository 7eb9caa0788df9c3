import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Event_Type,
  type EventSchema,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import {
  type Change,
  type ChangeSet,
  type Entry,
  type Selector,
  unite,
  type Watch,
  type WatchMessage,
  type WatchOptions,
} from "../database.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { checkKey, checkKeyPart } from "./check-key.ts";
import {
  type EntryInit,
  toDeletedEntryInit,
  toEntryInit,
  toEntryInitWithoutValue,
  toInt64,
} from "./entry-init.ts";
import { SharedResponses } from "./shared-responses.ts";

type WatchLimits = Pick<Limits, "keyBytesMax" | "batchGetKeysMax">;

/**
 * Checks a Watch request. Throws RANGE_INVALID, REVISION_INVALID, TOO_MANY_OPERATIONS or the errors of `checkKey`.
 */
export function checkWatch(request: WatchRequest, limits: WatchLimits): WatchOptions {
  const { startRevision, includeExisting } = request;
  if (startRevision !== undefined && (startRevision < 0n || startRevision > Number.MAX_SAFE_INTEGER)) {
    throw new DuetError("REVISION_INVALID", "start_revision is out of range");
  }
  if (startRevision !== undefined && includeExisting) {
    throw new DuetError("RANGE_INVALID", "include_existing and start_revision are both set; use one of them");
  }
  return {
    selector: checkSelector(request, limits),
    startRevision: startRevision === undefined ? undefined : Number(startRevision),
    includeExisting,
    previous: request.previous,
  };
}

function checkSelector({ key, prefix, keys, prefixes }: WatchRequest, limits: WatchLimits): Selector {
  const allKeys = key === undefined ? keys : [key, ...keys];
  const allPrefixes = prefix === "" ? prefixes : [prefix, ...prefixes];
  const count = allKeys.length + allPrefixes.length;
  if (count > limits.batchGetKeysMax) {
    throw new DuetError(
      "TOO_MANY_OPERATIONS",
      `the watch has ${count} keys and prefixes; the limit is ${limits.batchGetKeysMax} (--batch-get-keys-max)`,
    );
  }
  for (const each of allKeys) checkKey(each, limits);
  for (const each of allPrefixes) checkKeyPart(each, limits);
  return unite(allKeys, allPrefixes);
}

/** The responses of a watch, some of which are often there at once. */
interface WatchResponses extends AsyncIterator<WatchResponse, void> {
  /** See `Watch.ready`. */
  ready(): WatchResponse | undefined;
}

/**
 * Converts messages to responses. Not an async generator, which would double the cost of a message with many
 * watchers.
 */
export function toWatchResponses(
  watch: Watch,
  { previous, keysOnly }: Pick<WatchRequest, "previous" | "keysOnly">,
): { [Symbol.asyncIterator](): WatchResponses } {
  const form = forms[`${previous}-${keysOnly}`];
  const toResult = (result: IteratorResult<WatchMessage, void>): IteratorResult<WatchResponse, void> =>
    result.done === true ? result : { done: false, value: toWatchResponse(result.value, form) };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => watch.next().then(toResult),
      ready() {
        const message = watch.ready();
        return message && toWatchResponse(message, form);
      },
      return: () => watch.return().then(toResult),
    }),
  };
}

/** The form in which the responses of a watch hold entries. */
interface Form {
  readonly previous: boolean;
  readonly toInit: (entry: Entry) => EntryInit;
  /** Responses that all watches of the same form and selector share, so that the wire encodes each only once. */
  readonly shared: SharedResponses;
}

function createForm(previous: boolean, keysOnly: boolean): Form {
  return {
    previous,
    toInit: keysOnly ? toEntryInitWithoutValue : toEntryInit,
    shared: new SharedResponses(),
  };
}

const forms = {
  "false-false": createForm(false, false),
  "false-true": createForm(false, true),
  "true-false": createForm(true, false),
  "true-true": createForm(true, true),
};

function toWatchResponse(message: WatchMessage, form: Form): WatchResponse {
  return message.set === undefined ? toStateResponse(message, form) : toChangeResponse(message.set, form);
}

function toStateResponse(
  { revision, resumeRevision, existing, existingEnd }: WatchMessage,
  { toInit }: Form,
): WatchResponse {
  const response = create(WatchResponseSchema, {
    revision: toInt64(revision),
    existing: existing?.map(toInit) ?? [],
    existingEnd: existingEnd ?? false,
  });
  if (resumeRevision !== undefined) response.resumeRevision = toInt64(resumeRevision);
  return response;
}

function toChangeResponse(set: ChangeSet, { previous, toInit, shared }: Form): WatchResponse {
  let response = shared.get(set);
  if (response === undefined) {
    const toPrevious = set.previousValues ? toInit : toEntryInitWithoutValue;
    response = create(WatchResponseSchema, {
      revision: toInt64(set.revision),
      resumeRevision: toInt64(set.revision),
      events: set.changes.map((change) => toEvent(change, set, toInit, previous ? toPrevious : undefined)),
    });
    shared.add(set, response);
  }
  return response;
}

function toEvent(
  { key, entry, previous, expired }: Change,
  { revision, time }: ChangeSet,
  toInit: (entry: Entry) => EntryInit,
  toPrevious: ((entry: Entry) => EntryInit) | undefined,
): MessageInitShape<typeof EventSchema> {
  return {
    type: entry === undefined ? Event_Type.DELETE : Event_Type.PUT,
    entry: entry === undefined ? toDeletedEntryInit(key, revision, time) : toInit(entry),
    previous: previous && toPrevious?.(previous),
    expired,
  };
}
