import type { ConnectionBudget } from "./byte-budget.ts";
import type { Clock } from "./clock.ts";
import { ConnectionError, errorCodes } from "./connection-error.ts";
import type { EndReason } from "./end-reasons.ts";
import type { FloodLimit } from "./flood-limit.ts";
import type { HandlerCalls } from "./handler-calls.ts";
import { HeaderDecoder } from "./header-decoder.ts";
import { HeaderList } from "./header-list.ts";
import type { Http2Limits } from "./limits.ts";
import type { Output } from "./output.ts";
import type { PeerSettings } from "./peer-settings.ts";
import { ResponseHeaders } from "./response-headers.ts";
import type { ResponseSender } from "./response-sender.ts";
import { Stream, type StreamConnection } from "./stream.ts";
import type { StreamSet } from "./stream-set.ts";

/** What the receiver needs of its connection. */
interface ReceivingConnection extends StreamConnection {
  readonly sender: ResponseSender;
  readonly settings: PeerSettings;
  /** Counts something that ended early. */
  count(reason: EndReason): void;
}

export interface RequestReceiverOptions {
  readonly connection: ReceivingConnection;
  readonly streams: StreamSet;
  readonly output: Output;
  readonly budget: ConnectionBudget;
  readonly floods: FloodLimit;
  readonly calls: HandlerCalls;
  readonly limits: Http2Limits;
  readonly varyingHeader: string | undefined;
  readonly clock: Clock;
}

/** The window that a connection begins with (RFC 9113, section 6.9.2). */
const initialConnectionWindow = 65_535;

/** Many frames of less than this on a stream that was reset are a flood. */
const smallDataBytes = 256;

/**
 * What an open stream occupies besides its headers: its objects, and a request of up to 1 KiB, which its handler does not
 * count. Headers count for each stream, though streams with equal ones share them: the one that came first may go first.
 */
const streamBytes = 2048;

/** Receives requests: header blocks, DATA and its flow control, trailers (RFC 9113, sections 5.2, 6.1, 6.2 and 8.1). */
export class RequestReceiver {
  readonly #options: RequestReceiverOptions;
  readonly #decoder: HeaderDecoder;
  readonly #streamWindow: number;
  readonly #connectionWindow: number;
  #window: number;
  /** Bytes that were consumed and not yet announced with WINDOW_UPDATE. */
  #credit = 0;
  /** The stream of the DATA frame that has begun; undefined: its bytes are dropped. */
  #dataStream: Stream | undefined = undefined;
  /** Streams whose request is not complete. */
  unfinished = 0;

  constructor(options: RequestReceiverOptions) {
    this.#options = options;
    const { limits, varyingHeader } = options;
    this.#decoder = new HeaderDecoder(limits.headerListBytesMax, varyingHeader);
    this.#streamWindow = limits.streamWindowBytes;
    this.#connectionWindow = Math.max(limits.connectionWindowBytes, initialConnectionWindow);
    this.#window = this.#connectionWindow;
  }

  /** Whether the client may send on the connection. */
  get hasWindow(): boolean {
    return this.#window > 0;
  }

  /** Opens the connection's window. Comes after our SETTINGS. */
  begin(): void {
    const increment = this.#connectionWindow - initialConnectionWindow;
    if (increment > 0) this.#options.output.windowUpdate(0, increment);
  }

  headerBlock(bytes: Buffer, start: number, end: number, streamId: number, endStream: boolean): void {
    const { streams, connection, budget, calls, limits, clock } = this.#options;
    // Also for a stream that is ignored: the blocks after it depend on it.
    const decoded = this.#decoder.decode(bytes, start, end);
    if (streamId <= streams.lastId) {
      this.#trailers(streamId, decoded?.list, endStream);
      return;
    }
    if (streams.refusesNew) return;
    streams.lastId = streamId;
    if (decoded !== undefined && !decoded.list.isRequest) {
      streams.refuse(streamId, errorCodes.protocolError, "malformed_request");
      return;
    }
    if (streams.size >= limits.streamsMax) {
      streams.refuse(streamId, errorCodes.refusedStream, "too_many_streams");
      return;
    }
    const heldBytes = streamBytes + (decoded?.bytes ?? 0);
    const reason = budget.takeForStream(heldBytes);
    if (reason !== undefined) {
      streams.refuse(streamId, errorCodes.refusedStream, reason);
      return;
    }
    const stream = new Stream(
      streamId,
      connection,
      decoded?.list ?? new HeaderList(),
      decoded?.varying,
      endStream,
      this.#streamWindow,
      connection.settings.initialWindow,
      clock.now,
    );
    stream.held = heldBytes;
    streams.open(stream);
    if (!endStream) this.unfinished++;
    if (decoded === undefined) {
      this.#refuseHeaders(stream);
      return;
    }
    if (endStream && stream.headers.contentLength > 0) {
      streams.resetForFault(stream, errorCodes.protocolError, "malformed_request");
      return;
    }
    calls.stream(stream);
    if (endStream) {
      if (!stream.closed) calls.end(stream);
    } else if (stream.headers.expectsContinue && !stream.headersSent) {
      // What its headers alone have refused is answered by now, and its body need not come.
      connection.sender.informational(stream, ResponseHeaders.status(100));
    }
  }

  dataFrame(streamId: number, length: number, dataLength: number, endStream: boolean): void {
    const { streams, output, floods } = this.#options;
    this.#dataStream = undefined;
    if (streamId === 0) throw new ConnectionError("protocol_error", "DATA on stream 0");
    this.#window -= length;
    if (this.#window < 0) throw new ConnectionError("flow_control_error", "connection window exceeded");
    if (dataLength === 0 && !endStream) floods.count();
    const padding = length - dataLength;
    if (padding > 0) this.#addCredit(padding);
    const stream = streams.find(streamId);
    if (stream === undefined) {
      if (streams.isIdle(streamId)) throw new ConnectionError("protocol_error", "DATA on an idle stream");
      if (streams.isIgnored(streamId)) {
        // What was on the way when the stream was reset comes in large frames.
        if (dataLength > 0 && dataLength < smallDataBytes) floods.count();
        return;
      }
      output.resetStream(streamId, errorCodes.streamClosed);
      floods.count();
      return;
    }
    if (stream.requestEnded) {
      streams.resetForFault(stream, errorCodes.streamClosed, "stream_closed");
      return;
    }
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) {
      streams.resetForFault(stream, errorCodes.flowControlError, "flow_control_error");
      return;
    }
    if (padding > 0) this.#addStreamCredit(stream, padding);
    stream.received += dataLength;
    const { contentLength } = stream.headers;
    if (
      contentLength >= 0 &&
      (endStream ? stream.received !== contentLength : stream.received > contentLength)
    ) {
      streams.resetForFault(stream, errorCodes.protocolError, "malformed_request");
      return;
    }
    this.#dataStream = stream;
  }

  data(bytes: Buffer, start: number, end: number, endStream: boolean): void {
    const stream = this.#dataStream;
    const length = end - start;
    if (stream === undefined || stream.closed) {
      this.#addCredit(length);
      return;
    }
    const { calls, clock } = this.#options;
    if (endStream) this.#endRequest(stream);
    if (length > 0) {
      stream.unread += length;
      stream.receiveProgressAt = clock.now;
      if (stream.handler === undefined) this.consume(stream, length);
      else calls.data(stream, bytes, start, end);
    }
    if (endStream && !stream.closed) calls.end(stream);
  }

  consume(stream: Stream, bytes: number): void {
    if (stream.closed) return;
    const consumed = Math.min(bytes, stream.unread);
    stream.unread -= consumed;
    this.#addCredit(consumed);
    if (!stream.requestEnded) this.#addStreamCredit(stream, consumed);
  }

  hold(stream: Stream, bytes: number): boolean {
    if (stream.closed) return true;
    const { budget, connection } = this.#options;
    const reason = budget.take(bytes);
    if (reason === undefined) stream.held += bytes;
    else connection.count(reason);
    return reason === undefined;
  }

  release(stream: Stream, bytes: number): void {
    if (stream.closed) return;
    this.#options.budget.give(bytes);
    stream.held -= bytes;
  }

  /** The stream is closed: what was not consumed is dropped. */
  closed(stream: Stream): void {
    if (!stream.requestEnded) this.unfinished--;
    if (stream.unread > 0) this.#addCredit(stream.unread);
    stream.unread = 0;
  }

  #trailers(streamId: number, list: HeaderList | undefined, endStream: boolean): void {
    const { streams, floods, calls } = this.#options;
    const stream = streams.find(streamId);
    if (stream === undefined) {
      if (!streams.isIgnored(streamId))
        throw new ConnectionError("stream_closed", "HEADERS on a closed stream");
      floods.count();
    } else if (stream.requestEnded) {
      streams.resetForFault(stream, errorCodes.streamClosed, "stream_closed");
    } else if (!endStream || list?.isTrailers !== true || stream.received < stream.headers.contentLength) {
      streams.resetForFault(stream, errorCodes.protocolError, "malformed_request");
    } else {
      // No protocol of this server has request trailers: they are checked and dropped.
      this.#endRequest(stream);
      calls.end(stream);
    }
  }

  #endRequest(stream: Stream): void {
    stream.requestEnded = true;
    this.unfinished--;
  }

  /** RFC 6585, section 5. */
  #refuseHeaders(stream: Stream): void {
    const { connection, floods } = this.#options;
    connection.count("header_list_too_large");
    floods.count();
    connection.sender.respond(stream, ResponseHeaders.status(431), [], true);
  }

  /** Announced in halves of the window, so that a large body costs few frames. */
  #addCredit(bytes: number): void {
    this.#credit += bytes;
    if (this.#credit < this.#connectionWindow / 2) return;
    this.#options.output.windowUpdate(0, this.#credit);
    this.#window += this.#credit;
    this.#credit = 0;
  }

  #addStreamCredit(stream: Stream, bytes: number): void {
    stream.receiveCredit += bytes;
    if (stream.receiveCredit < this.#streamWindow / 2) return;
    this.#options.output.windowUpdate(stream.id, stream.receiveCredit);
    stream.receiveWindow += stream.receiveCredit;
    stream.receiveCredit = 0;
  }
}
