import { ConnectionError } from "./connection-error.ts";
import type { ControlFrames } from "./control-frames.ts";
import { frameTypes } from "./frame-format.ts";
import type { FrameSink } from "./frame-reader.ts";
import type { HeaderBlockReader } from "./header-block-reader.ts";
import type { PeerSettings } from "./peer-settings.ts";
import type { RequestReceiver } from "./request-receiver.ts";

export interface IncomingFramesOptions {
  readonly settings: PeerSettings;
  readonly headerBlocks: HeaderBlockReader;
  readonly receiver: RequestReceiver;
  readonly controlFrames: ControlFrames;
}

/** Checks the order of a connection's frames (RFC 9113, sections 3.4 and 4.3), and gives each to the part that handles it. */
export class IncomingFrames implements FrameSink {
  readonly #settings: PeerSettings;
  readonly #headerBlocks: HeaderBlockReader;
  readonly #receiver: RequestReceiver;
  readonly #controlFrames: ControlFrames;

  constructor({ settings, headerBlocks, receiver, controlFrames }: IncomingFramesOptions) {
    this.#settings = settings;
    this.#headerBlocks = headerBlocks;
    this.#receiver = receiver;
    this.#controlFrames = controlFrames;
  }

  frame(type: number, flags: number, streamId: number, bytes: Buffer, start: number, end: number): void {
    this.#checkOrder(type);
    if (type === frameTypes.headers) this.#headerBlocks.headers(flags, streamId, bytes, start, end);
    else if (type === frameTypes.continuation)
      this.#headerBlocks.continuation(flags, streamId, bytes, start, end);
    else this.#controlFrames.receive(type, flags, streamId, bytes, start, end);
  }

  dataFrame(streamId: number, length: number, dataLength: number, endStream: boolean): void {
    this.#checkOrder(frameTypes.data);
    this.#receiver.dataFrame(streamId, length, dataLength, endStream);
  }

  data(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    this.#receiver.data(bytes, start, end, endStream);
  }

  /** SETTINGS come first, and nothing comes between the frames of a header block. */
  #checkOrder(type: number): void {
    if (!this.#settings.received && type !== frameTypes.settings) {
      throw new ConnectionError("protocol_error", "the first frame must be SETTINGS");
    }
    if (this.#headerBlocks.partialBlock !== undefined && type !== frameTypes.continuation) {
      throw new ConnectionError("protocol_error", "a frame inside a header block");
    }
  }
}
