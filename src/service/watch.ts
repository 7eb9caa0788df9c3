import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  Event_Type,
  type EventSchema,
  type WatchRequest,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { DuetError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Entry } from "../store/entry.ts";
import type { Change } from "../store/store.ts";
import type { ChangeSet } from "../store/watch/history.ts";
import type { WatchMessage, WatchOptions } from "../store/watch/hub.ts";
import { checkKey, checkKeyPart } from "./check-key.ts";
import { type EntryInit, toDeletedEntryInit, toEntryInit, toEntryInitWithoutValue } from "./entry-init.ts";
import { SharedResponses } from "./shared-responses.ts";

/** Throws RANGE_INVALID, REVISION_INVALID or what `checkKey` does. */
export function checkWatch(request: WatchRequest, limits: Pick<Limits, "keyBytesMax">): WatchOptions {
  const { key, prefix, startRevision, includeExisting } = request;
  if (key !== undefined && prefix !== "") {
    throw new DuetError("RANGE_INVALID", "key does not go together with prefix");
  }
  if (startRevision !== undefined && (startRevision < 0n || startRevision > Number.MAX_SAFE_INTEGER)) {
    throw new DuetError("REVISION_INVALID", "start_revision is none that a store could have");
  }
  if (startRevision !== undefined && includeExisting) {
    throw new DuetError("RANGE_INVALID", "include_existing does not go together with start_revision");
  }
  return {
    selector: key === undefined ? { prefix: checkKeyPart(prefix, limits) } : { key: checkKey(key, limits) },
    startRevision: startRevision === undefined ? undefined : Number(startRevision),
    includeExisting,
    previous: request.previous,
  };
}

/** Each message as a response. Not an async generator: with many watchers that would double the cost of a message. */
export function toWatchResponses(
  messages: AsyncGenerator<WatchMessage, void>,
  previous: boolean,
): AsyncIterable<WatchResponse> {
  const toResult = (result: IteratorResult<WatchMessage, void>): IteratorResult<WatchResponse, void> =>
    result.done === true ? result : { done: false, value: toWatchResponse(result.value, previous) };
  return {
    [Symbol.asyncIterator]: () => ({
      next: () => messages.next().then(toResult),
      return: () => messages.return().then(toResult),
    }),
  };
}

function toWatchResponse(message: WatchMessage, previous: boolean): WatchResponse {
  return message.set === undefined ? toStateResponse(message) : toChangeResponse(message.set, previous);
}

function toStateResponse({ revision, resumeRevision, existing, existingEnd }: WatchMessage): WatchResponse {
  const response = create(WatchResponseSchema, {
    revision: BigInt(revision),
    existing: existing?.map(toEntryInit) ?? [],
    existingEnd: existingEnd ?? false,
  });
  if (resumeRevision !== undefined) response.resumeRevision = BigInt(resumeRevision);
  return response;
}

// One message for all watches of the same: the wire encodes it once as well.
const withPrevious = new SharedResponses();
const withoutPrevious = new SharedResponses();

function toChangeResponse(set: ChangeSet, previous: boolean): WatchResponse {
  const responses = previous ? withPrevious : withoutPrevious;
  let response = responses.get(set);
  if (response === undefined) {
    const toPreviousInit = set.previousValues ? toEntryInit : toEntryInitWithoutValue;
    const toPrevious = previous ? toPreviousInit : undefined;
    response = create(WatchResponseSchema, {
      revision: BigInt(set.revision),
      resumeRevision: BigInt(set.revision),
      events: set.changes.map((change) => toEvent(change, set, toPrevious)),
    });
    responses.add(set, response);
  }
  return response;
}

function toEvent(
  { key, entry, previous, expired }: Change,
  { revision, time }: ChangeSet,
  toPrevious: ((entry: Entry) => EntryInit) | undefined,
): MessageInitShape<typeof EventSchema> {
  return {
    type: entry === undefined ? Event_Type.DELETE : Event_Type.PUT,
    entry: entry === undefined ? toDeletedEntryInit(key, revision, time) : toEntryInit(entry),
    previous: previous && toPrevious?.(previous),
    expired,
  };
}
