import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { encodeHeaderBlock, HeaderBlockEncoder } from "./header-block.ts";
import type { ClientTls, Request } from "./load.ts";

const frames = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const flags = { endStream: 1, ack: 1, endHeaders: 4 } as const;
const frameHeaderBytes = 9;
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const deadlineMicrosMin = 10_000_000;
const windowMax = 0x7fff_ffff;
const frameBytesMax = 16_384;
/** HEADER_TABLE_SIZE 0: each answer says all of itself. INITIAL_WINDOW_SIZE: as much as they like. */
const settings = Buffer.from("00010000000000047fffffff", "hex");

/** A request as the frames that it is sent in, except for the number of its stream. */
export interface PreparedRequest {
  readonly frames: Buffer;
  /** The offset of the second frame in them. */
  readonly dataAt: number;
  readonly bodyBytes: number;
  /** Its headers, if each call has a deadline of its own and thus other headers. */
  readonly varying: readonly (readonly [name: string, value: string])[] | undefined;
}

/** Throws RangeError when the body is more than one frame. */
export function prepareRequest(
  { path, headers, body }: Request,
  authority: string,
  ownDeadline = false,
): PreparedRequest {
  if (body.length > frameBytesMax) throw new RangeError(`${body.length} bytes are more than one frame`);
  const all = { ":method": "POST", ":scheme": "http", ":path": path, ":authority": authority, ...headers };
  const head = frame(frames.headers, flags.endHeaders, encodeHeaderBlock(all));
  const data = frame(frames.data, flags.endStream, body);
  const varying = ownDeadline ? Object.entries(all) : undefined;
  return { frames: Buffer.concat([head, data]), dataAt: head.length, bodyBytes: body.length, varying };
}

interface Target {
  readonly host: string;
  readonly port: number;
  readonly tls: ClientTls | undefined;
}

/**
 * An HTTP/2 connection for unary calls that costs the generator little, which shares a machine with what it measures:
 * requests are prepared, and of an answer only its end is looked at. It has failed if it is reset, or if its trailers are
 * other bytes than those of the first answer.
 */
export class GrpcConnection {
  readonly #socket: Socket;
  readonly #onEnd: (stream: number, ok: boolean) => void;
  readonly #encoder = new HeaderBlockEncoder();
  #nextStream = 1;
  #rest: Buffer = Buffer.alloc(0);
  #out: Buffer[] = [];
  #trailers: Buffer | undefined;
  /** The remaining flow-control window of the peer. */
  #window = 65_535;
  #waiting: { readonly request: PreparedRequest; readonly stream: number }[] = [];
  /** Received since the peer was last given more. */
  #received = 0;

  constructor({ host, port, tls }: Target, onEnd: (stream: number, ok: boolean) => void) {
    this.#onEnd = onEnd;
    this.#socket =
      tls === undefined ? connect({ host, port }) : connectTls({ host, port, ALPNProtocols: ["h2"], ...tls });
    this.#socket.setNoDelay(true);
    this.#socket.on("data", (chunk) => this.#read(chunk));
    this.#socket.on("error", (error) => {
      throw error;
    });
    this.#write(Buffer.from(preface, "latin1"));
    this.#write(frame(frames.settings, 0, settings));
    this.#write(windowUpdate(windowMax - 65_535));
  }

  /** The number of the stream on which it is sent. */
  send(request: PreparedRequest): number {
    const stream = this.#nextStream;
    this.#nextStream += 2;
    if (this.#waiting.length > 0 || this.#window < request.bodyBytes) this.#waiting.push({ request, stream });
    else this.#send(request, stream);
    return stream;
  }

  close(): void {
    this.#socket.destroy();
  }

  #send(request: PreparedRequest, stream: number): void {
    const head =
      request.varying === undefined
        ? request.frames.subarray(0, request.dataAt)
        : this.#headers(request.varying);
    const bytes = Buffer.concat([head, request.frames.subarray(request.dataAt)]);
    bytes.writeUInt32BE(stream, 5);
    bytes.writeUInt32BE(stream, head.length + 5);
    this.#window -= request.bodyBytes;
    this.#write(bytes);
  }

  /** With a deadline in 10 to 100 seconds, so that none passes. */
  #headers(headers: readonly (readonly [name: string, value: string])[]): Buffer {
    const micros = deadlineMicrosMin + Math.floor(Math.random() * 9 * deadlineMicrosMin);
    const block = this.#encoder.encode([...headers, ["grpc-timeout", `${micros}u`]]);
    return frame(frames.headers, flags.endHeaders, block);
  }

  /** Writes of one turn of the event loop are sent together. */
  #write(bytes: Buffer): void {
    if (this.#out.length === 0) {
      setImmediate(() => {
        this.#socket.write(this.#out.length === 1 ? (this.#out[0] as Buffer) : Buffer.concat(this.#out));
        this.#out = [];
      });
    }
    this.#out.push(bytes);
  }

  #read(chunk: Buffer): void {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (bytes.length - at >= frameHeaderBytes) {
      const end = at + frameHeaderBytes + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      const payload = bytes.subarray(at + frameHeaderBytes, end);
      this.#frame(bytes[at + 3] as number, bytes[at + 4] as number, bytes.readUInt32BE(at + 5), payload);
      at = end;
    }
    this.#rest = bytes.subarray(at);
  }

  #frame(type: number, flag: number, stream: number, payload: Buffer): void {
    switch (type) {
      case frames.data:
        this.#giveWindow(payload.length);
        if ((flag & flags.endStream) !== 0) this.#onEnd(stream, false);
        break;
      case frames.headers:
        if ((flag & flags.endStream) !== 0) this.#onEnd(stream, this.#isGood(payload));
        break;
      case frames.reset:
        this.#onEnd(stream, false);
        break;
      case frames.settings:
        if ((flag & flags.ack) === 0) this.#write(frame(frames.settings, flags.ack, new Uint8Array()));
        break;
      case frames.ping:
        if ((flag & flags.ack) === 0) this.#write(frame(frames.ping, flags.ack, payload));
        break;
      case frames.windowUpdate:
        if (stream === 0) this.#takeWindow(payload.readUInt32BE());
        break;
      case frames.goAway:
        throw new Error("the server went away");
    }
  }

  #isGood(trailers: Buffer): boolean {
    this.#trailers ??= Buffer.from(trailers);
    return this.#trailers.equals(trailers);
  }

  #giveWindow(bytes: number): void {
    this.#received += bytes;
    if (this.#received < 2 ** 29) return;
    this.#write(windowUpdate(this.#received));
    this.#received = 0;
  }

  #takeWindow(bytes: number): void {
    this.#window += bytes;
    let next = this.#waiting[0];
    while (next !== undefined && this.#window >= next.request.bodyBytes) {
      this.#send(next.request, next.stream);
      this.#waiting.shift();
      next = this.#waiting[0];
    }
  }
}

function frame(type: number, flag: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(frameHeaderBytes + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flag;
  bytes.set(payload, frameHeaderBytes);
  return bytes;
}

function windowUpdate(bytes: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(bytes);
  return frame(frames.windowUpdate, 0, payload);
}
