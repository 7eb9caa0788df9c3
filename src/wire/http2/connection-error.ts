import type { EndReason } from "./end-reasons.ts";

/** RFC 9113, section 7. */
export const errorCodes = {
  noError: 0,
  protocolError: 1,
  internalError: 2,
  flowControlError: 3,
  settingsTimeout: 4,
  streamClosed: 5,
  frameSizeError: 6,
  refusedStream: 7,
  cancel: 8,
  compressionError: 9,
  enhanceYourCalm: 11,
} as const;

const codeByReason: Partial<Record<EndReason, number>> = {
  internal_error: errorCodes.internalError,
  flow_control_error: errorCodes.flowControlError,
  settings_timeout: errorCodes.settingsTimeout,
  stream_closed: errorCodes.streamClosed,
  frame_size_error: errorCodes.frameSizeError,
  compression_error: errorCodes.compressionError,
  header_block_too_large: errorCodes.enhanceYourCalm,
  header_timeout: errorCodes.enhanceYourCalm,
  flood: errorCodes.enhanceYourCalm,
  write_stalled: errorCodes.enhanceYourCalm,
  drain_timeout: errorCodes.noError,
};

/** Thrown while a connection's input is read; ends the connection with a GOAWAY (RFC 9113, section 5.4.1). */
export class ConnectionError extends Error {
  readonly reason: EndReason;
  readonly code: number;

  /** The message becomes GOAWAY's debug data: Latin-1, and nothing of the peer's in it. */
  constructor(reason: EndReason, message: string) {
    super(message);
    this.reason = reason;
    this.code = codeByReason[reason] ?? errorCodes.protocolError;
  }
}
