import { errorCodes } from "./connection-error.ts";
import { windowMax } from "./frame-format.ts";
import type { Output } from "./output.ts";
import type { StreamSet } from "./stream-set.ts";

/** Tells the PING of a shutdown from those of keep-alive. */
const pingPayload = Buffer.from("shutdown", "latin1");

/** How long to wait for the acknowledgement of the PING, in milliseconds. By then the GOAWAY has arrived. */
const roundTripMsMax = 1000;

/**
 * Ends a connection without losing a call (RFC 9113, section 6.8): a first GOAWAY with the highest possible stream
 * identifier tells the client to open no more streams; after a round trip a second one names the last stream that was
 * opened. Streams that arrive between the two are served.
 */
export class Shutdown {
  readonly #streams: StreamSet;
  readonly #output: Output;
  #state: "open" | "announced" | "final" = "open";
  #announcedAt = 0;

  constructor(streams: StreamSet, output: Output) {
    this.#streams = streams;
    this.#output = output;
  }

  get hasBegun(): boolean {
    return this.#state !== "open";
  }

  /** Whether the last GOAWAY is sent and no stream is open any more. */
  get isComplete(): boolean {
    return this.#state === "final" && this.#streams.size === 0;
  }

  begin(now: number): void {
    if (this.#state !== "open") return;
    this.#state = "announced";
    this.#announcedAt = now;
    this.#output.goAway(windowMax, errorCodes.noError);
    this.#output.ping(false, pingPayload, 0);
  }

  pingAck(payload: Buffer, start: number): void {
    if (payload.compare(pingPayload, 0, pingPayload.length, start, start + pingPayload.length) === 0)
      this.#finish();
  }

  sweep(now: number): void {
    if (now - this.#announcedAt >= roundTripMsMax) this.#finish();
  }

  #finish(): void {
    if (this.#state !== "announced") return;
    this.#state = "final";
    this.#streams.refusesNew = true;
    this.#output.goAway(this.#streams.lastId, errorCodes.noError);
  }
}
