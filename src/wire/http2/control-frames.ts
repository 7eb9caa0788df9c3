import { ConnectionError, errorCodes } from "./connection-error.ts";
import type { FloodLimit } from "./flood-limit.ts";
import { frameFlags, frameTypes, readUint31, windowMax } from "./frame-format.ts";
import type { Output } from "./output.ts";
import type { PeerSettings } from "./peer-settings.ts";
import type { ResponseSender } from "./response-sender.ts";
import type { Shutdown } from "./shutdown.ts";
import type { StreamSet } from "./stream-set.ts";

export interface ControlFramesOptions {
  readonly streams: StreamSet;
  readonly sender: ResponseSender;
  readonly settings: PeerSettings;
  readonly output: Output;
  readonly floods: FloodLimit;
  readonly shutdown: Shutdown;
}

const wordBytes = 4;
const pingBytes = 8;
const priorityBytes = 5;
const goAwayBytesMin = 8;
/** A peer that reads gives back more than this at a time; many smaller increments are a flood. */
const smallIncrement = 256;

/** Handles the frames that carry neither headers nor data (RFC 9113, sections 6.3 to 6.9). */
export class ControlFrames {
  readonly #options: ControlFramesOptions;
  /** Whether the peer has acknowledged our SETTINGS. */
  settingsAcknowledged = false;

  constructor(options: ControlFramesOptions) {
    this.#options = options;
  }

  /** The payload of the frame is `bytes[start, end)`. Throws ConnectionError for an invalid frame. */
  receive(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    const { floods } = this.#options;
    switch (type) {
      case frameTypes.windowUpdate:
        this.#windowUpdate(streamId, bytes, start, end);
        break;
      case frameTypes.resetStream:
        this.#resetStream(streamId, bytes, start, end);
        break;
      case frameTypes.settings:
        this.#settings(flags, streamId, bytes, start, end);
        break;
      case frameTypes.ping:
        this.#ping(flags, streamId, bytes, start, end);
        break;
      case frameTypes.priority:
        this.#priority(streamId, bytes, start, end);
        break;
      case frameTypes.goAway:
        requireConnection(streamId, "GOAWAY");
        if (end - start < goAwayBytesMin) throw invalidLength("GOAWAY");
        floods.count();
        break;
      case frameTypes.pushPromise:
        throw new ConnectionError("protocol_error", "PUSH_PROMISE from a client");
      default:
        // Section 5.5: unknown types are ignored.
        floods.count();
    }
  }

  #windowUpdate(streamId: number, bytes: Buffer, start: number, end: number): void {
    if (end - start !== wordBytes) throw invalidLength("WINDOW_UPDATE");
    const { streams, sender, floods } = this.#options;
    const increment = readUint31(bytes, start);
    if (increment < smallIncrement) floods.count();
    if (streamId === 0) {
      if (increment === 0) throw new ConnectionError("protocol_error", "WINDOW_UPDATE of 0");
      sender.addConnectionWindow(increment);
      return;
    }
    const stream = streams.find(streamId);
    if (stream === undefined) {
      // A client sends many on streams whose response is complete before it knows: they are no flood.
      if (streams.isIdle(streamId))
        throw new ConnectionError("protocol_error", "WINDOW_UPDATE on an idle stream");
    } else if (increment === 0) {
      streams.resetForFault(stream, errorCodes.protocolError, "protocol_error");
    } else if (stream.sendWindow + increment > windowMax) {
      streams.resetForFault(stream, errorCodes.flowControlError, "flow_control_error");
    } else {
      sender.addWindow(stream, increment);
    }
  }

  #resetStream(streamId: number, bytes: Buffer, start: number, end: number): void {
    requireStream(streamId, "RST_STREAM");
    if (end - start !== wordBytes) throw invalidLength("RST_STREAM");
    const { streams, floods } = this.#options;
    const stream = streams.find(streamId);
    if (stream !== undefined) streams.abort(stream, "cancelled");
    else if (streams.isIdle(streamId))
      throw new ConnectionError("protocol_error", "RST_STREAM on an idle stream");
    floods.count();
  }

  #settings(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    requireConnection(streamId, "SETTINGS");
    const { settings, output, floods, sender } = this.#options;
    if ((flags & frameFlags.ack) !== 0) {
      if (end !== start) throw invalidLength("SETTINGS acknowledgement");
      if (this.settingsAcknowledged) floods.count();
      this.settingsAcknowledged = true;
      return;
    }
    if (settings.received) floods.count();
    settings.apply(bytes, start, end);
    output.settingsAck();
    // Only now: until the acknowledgement the peer reckons with the old windows.
    sender.pump();
  }

  #ping(flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    requireConnection(streamId, "PING");
    if (end - start !== pingBytes) throw invalidLength("PING");
    const { output, floods, shutdown } = this.#options;
    floods.count();
    if ((flags & frameFlags.ack) !== 0) shutdown.pingAck(bytes, start);
    else output.ping(true, bytes, start);
  }

  /** Section 5.3.2: priorities are checked and ignored. */
  #priority(streamId: number, bytes: Buffer, start: number, end: number): void {
    requireStream(streamId, "PRIORITY");
    if (end - start !== priorityBytes) throw invalidLength("PRIORITY");
    if (readUint31(bytes, start) === streamId) {
      throw new ConnectionError("protocol_error", "a stream that depends on itself");
    }
    this.#options.floods.count();
  }
}

function requireConnection(streamId: number, name: string): void {
  if (streamId !== 0) throw new ConnectionError("protocol_error", `${name} on a stream`);
}

function requireStream(streamId: number, name: string): void {
  if (streamId === 0) throw new ConnectionError("protocol_error", `${name} on stream 0`);
}

function invalidLength(name: string): ConnectionError {
  return new ConnectionError("frame_size_error", `invalid length of ${name}`);
}
