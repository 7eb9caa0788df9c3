import { fromJsonString } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type Entry as EntryMessage,
  Event_Type,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { type Entry, entryBytes } from "../../src/store/entry.ts";
import type { Selector, SelectorUnion } from "../../src/store/watch/selector.ts";
import type { SeenBy, SeenMessage, Session } from "../store/watch/watch-validator.ts";
import { CallFailure } from "../support/key-value-client.ts";
import type { Random } from "../support/random.ts";
import { openResponse } from "../support/rest-request.ts";
import { readEvents } from "../support/server-sent-events.ts";
import { openClient } from "./every-client.ts";

export type WatchProtocol = "gRPC by Connect" | "gRPC by grpc-js" | "events";

interface Start {
  readonly startRevision: number | undefined;
  readonly includeExisting: boolean;
}

/** A watcher of a real server that goes away and comes back, and writes down all that it sees. */
export class WatchRecorder implements SeenBy {
  readonly selector: Exclude<Selector, SelectorUnion>;
  readonly previous: boolean;
  readonly sessions: Session[] = [];
  /** How often it was told each reason. */
  readonly reasons = new Map<string, number>();
  /** Ids of events that are not the revision to resume from. */
  readonly wrongIds: string[] = [];
  readonly #protocol: WatchProtocol;
  readonly #random: Random;
  #resumeRevision: number | undefined;

  constructor(
    protocol: WatchProtocol,
    selector: Exclude<Selector, SelectorUnion>,
    previous: boolean,
    random: Random,
  ) {
    this.#protocol = protocol;
    this.selector = selector;
    this.previous = previous;
    this.#random = random;
  }

  /** Watches, whatever server `address` says is there, until it knows everything up to `last()`, once that is known. */
  async run(address: () => Promise<string>, last: () => number | undefined): Promise<void> {
    const isAtEnd = () => {
      const end = last();
      return end !== undefined && (this.#resumeRevision ?? -1) >= end;
    };
    while (!isAtEnd()) await this.#session(await address(), isAtEnd);
  }

  async #session(address: string, isAtEnd: () => boolean): Promise<void> {
    const startRevision = this.#resumeRevision;
    const start = { startRevision, includeExisting: startRevision === undefined };
    const session: Session = { ...start, messages: [] };
    this.sessions.push(session);
    const controller = new AbortController();
    let left = this.#random.chance(0.3) ? Number.POSITIVE_INFINITY : this.#random.below(80);
    try {
      for await (const response of this.#open(address, start, controller.signal)) {
        const message = toSeenMessage(response);
        session.messages.push(message);
        this.#resumeRevision = message.resumeRevision ?? this.#resumeRevision;
        if (isAtEnd() || --left < 0) controller.abort();
      }
    } catch (error) {
      const reason = error instanceof CallFailure ? error.reason : "";
      this.reasons.set(reason, (this.reasons.get(reason) ?? 0) + 1);
      if (reason === "REVISION_COMPACTED") this.#resumeRevision = undefined;
      // What is not ours to explain comes of a connection that was cut, which is what the test does.
    }
  }

  async *#open(address: string, start: Start, signal: AbortSignal): AsyncGenerator<WatchResponse, void> {
    if (this.#protocol === "events") {
      yield* this.#openEvents(address, start, signal);
      return;
    }
    const client = openClient(this.#protocol, address);
    try {
      yield* client.watch(
        {
          ...this.selector,
          includeExisting: start.includeExisting,
          previous: this.previous,
          ...(start.startRevision !== undefined && { startRevision: BigInt(start.startRevision) }),
        },
        signal,
      );
    } finally {
      client.close();
    }
  }

  /** As an EventSource would: the same target each time, and the last id in a header. */
  async *#openEvents(
    address: string,
    start: Start,
    signal: AbortSignal,
  ): AsyncGenerator<WatchResponse, void> {
    const [[name, value]] = Object.entries(this.selector) as [[string, string]];
    const target = `/v1/key:watch?${name}=${encodeURIComponent(value)}&includeExisting=true&previous=${this.previous}`;
    const headers = start.startRevision === undefined ? {} : { "last-event-id": String(start.startRevision) };
    try {
      const stream = await openResponse(`http://${address}`, "GET", target, headers, "", signal);
      if (stream.statusCode !== 200)
        throw toCallFailure(Buffer.concat(await Array.fromAsync(stream)).toString());
      for await (const { event, id, data } of readEvents(stream)) {
        if (event === "end") throw toCallFailure(data);
        const response = fromJsonString(WatchResponseSchema, data);
        const resumeId = response.resumeRevision?.toString();
        if (id !== resumeId) this.wrongIds.push(`${id} instead of ${resumeId}`);
        yield response;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

function toCallFailure(json: string): CallFailure {
  const { code, details } = JSON.parse(json);
  const { reason, metadata } = details[0].debug;
  return new CallFailure(code, reason, metadata, json);
}

function toSeenMessage(response: WatchResponse): SeenMessage {
  return {
    revision: Number(response.revision),
    resumeRevision: response.resumeRevision === undefined ? undefined : Number(response.resumeRevision),
    events: response.events.map(({ type, entry, previous, expired }) => ({
      key: entry?.key ?? "",
      entry: type === Event_Type.PUT ? toEntry(entry as EntryMessage) : undefined,
      previous: previous && toEntry(previous),
      expired,
    })),
    existing: response.existing.map(toEntry),
    existingEnd: response.existingEnd,
  };
}

/** The entry that a message tells of. */
export function toEntry(message: EntryMessage): Entry {
  const value = message.bytesValue === undefined ? (message.value ?? "") : new Uint8Array(message.bytesValue);
  const expireTime = message.expireTime ? timestampMs(message.expireTime) : 0;
  return {
    key: message.key,
    value,
    revision: Number(message.revision),
    createRevision: Number(message.createRevision),
    version: Number(message.version),
    updateTime: message.updateTime ? timestampMs(message.updateTime) : 0,
    expireTime,
    bytes: entryBytes(message.key, value, expireTime),
  };
}
