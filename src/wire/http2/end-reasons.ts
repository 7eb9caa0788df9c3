/** Why a connection or a stream ended before its time. Each such end is counted under one of these. */
export type EndReason =
  // The peer broke the protocol (RFC 9113, sections 5.4.1 and 7).
  | "protocol_error"
  | "flow_control_error"
  | "frame_size_error"
  | "compression_error"
  | "stream_closed"
  // The peer did more, held more or sent more than it may.
  | "flood"
  | "header_block_too_large"
  | "header_list_too_large"
  | "too_many_streams"
  | "connection_bytes"
  | "total_bytes"
  // The peer took too long.
  | "preface_timeout"
  | "settings_timeout"
  | "header_timeout"
  | "body_timeout"
  | "body_stalled"
  | "response_stalled"
  | "write_stalled"
  | "ping_timeout"
  // A request that breaks the rules of section 8.
  | "malformed_request"
  // Ends that nobody is to blame for.
  | "idle"
  | "age"
  | "drain_timeout"
  // The peer cancelled the stream, or went away with streams open.
  | "cancelled"
  | "disconnected"
  // A handler threw, or asked for a reset.
  | "handler_error"
  | "handler_reset"
  | "internal_error";
