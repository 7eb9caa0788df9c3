import { ConnectionError } from "./connection-error.ts";
import { framePayloadMax, windowMax } from "./frame-format.ts";
import type { HpackEncoder } from "./hpack/hpack-encoder.ts";

/** Identifiers (RFC 9113, section 6.5.2). */
export const settingIds = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
  maxHeaderListSize: 6,
} as const;

const settingBytes = 6;
const frameSizeLimit = 0xff_ffff;

/** What the client has set. Its limits on frame and header list sizes are above anything that we send. */
export class PeerSettings {
  readonly #encoder: HpackEncoder;
  readonly #onWindowChange: (change: number) => void;
  /** The window that a stream begins with. */
  initialWindow = 65_535;
  /** Whether the first SETTINGS have come. */
  received = false;

  constructor(encoder: HpackEncoder, onWindowChange: (change: number) => void) {
    this.#encoder = encoder;
    this.#onWindowChange = onWindowChange;
  }

  /** Applies the payload of a SETTINGS frame. Throws ConnectionError for an invalid value. */
  apply(bytes: Buffer, start: number, end: number): void {
    if ((end - start) % settingBytes !== 0)
      throw new ConnectionError("frame_size_error", "invalid SETTINGS length");
    this.received = true;
    const before = this.initialWindow;
    for (let at = start; at < end; at += settingBytes) {
      this.#set(bytes.readUInt16BE(at), bytes.readUInt32BE(at + 2));
    }
    // Once a frame: each change is work for all open streams.
    if (this.initialWindow !== before) this.#onWindowChange(this.initialWindow - before);
  }

  #set(id: number, value: number): void {
    switch (id) {
      case settingIds.headerTableSize:
        this.#encoder.setTableSize(value);
        break;
      case settingIds.enablePush:
        if (value > 1) throw new ConnectionError("protocol_error", "invalid SETTINGS_ENABLE_PUSH");
        break;
      case settingIds.initialWindowSize:
        if (value > windowMax)
          throw new ConnectionError("flow_control_error", "invalid SETTINGS_INITIAL_WINDOW_SIZE");
        this.initialWindow = value;
        break;
      case settingIds.maxFrameSize:
        if (value < framePayloadMax || value > frameSizeLimit) {
          throw new ConnectionError("protocol_error", "invalid SETTINGS_MAX_FRAME_SIZE");
        }
    }
  }
}
