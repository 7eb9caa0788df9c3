import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from "node:http2";
import type { ConnectionOptions } from "node:tls";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import {
  ForwardRequestSchema,
  type ForwardResponse,
  ForwardResponseSchema,
} from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { CallSpan } from "../database.ts";
import { DuetError } from "../errors.ts";
import { formatTraceparent } from "../telemetry/trace-context.ts";
import { NotForwardedError } from "./not-forwarded-error.ts";
import type { PeerCodec } from "./peer-codec.ts";
import type { PeerProof } from "./peer-proof.ts";

const path = "/duetkv.internal.v1.ForwardingService/Forward";

/** A message of gRPC has a flag and its length in front. */
const envelopeBytes = 5;

/** The results of a full request take less than half of it. */
const responseBytesMax = 4 * 1024 * 1024;

/** A peer that responds to none of three pings is gone or paused. */
const pingMs = 1_000;
const pingsMax = 3;

/**
 * The outcome of a request is unknown after so long, in milliseconds: a peer that responds to pings may do nothing else. A
 * log that changes its leader, or loses a response, may need most of it.
 */
const requestMs = 10_000;

/** With these reasons a call may have been refused after its operations had begun. */
const uncertain: ReadonlySet<string> = new Set([
  "SHUTTING_DOWN",
  "CONNECTION_AGED",
  "DEADLINE_EXCEEDED",
  "CLIENT_GONE",
  "INTERNAL",
  "OUTCOME_UNKNOWN",
]);

export interface PeerOptions {
  /** The id of the replica. */
  readonly id: string;
  /** HOST:PORT. */
  readonly address: string;
  readonly storeId: string;
  readonly codec: PeerCodec;
  readonly proof: PeerProof;
  /** By the clock of the log, in milliseconds since 1970 UTC. */
  readonly now: () => number;
  /** Undefined: the peers do not use TLS. */
  readonly tls: ConnectionOptions | undefined;
  /** For tests. Default: 1 s. */
  readonly pingMs?: number;
  /** For tests. Default: 10 s. */
  readonly requestMs?: number;
}

/** A connection to another replica, which has shown that it responds and belongs to the same store. */
export class Peer {
  readonly id: string;
  readonly #options: PeerOptions;
  readonly #session: ClientHttp2Session;
  readonly #timer: NodeJS.Timeout;
  #unanswered = 0;
  #leaving = false;

  private constructor(options: PeerOptions) {
    const { id, address, tls } = options;
    this.id = id;
    this.#options = options;
    this.#session = connect(`${tls === undefined ? "http" : "https"}://${address}`, {
      ...tls,
      settings: { enablePush: false },
    });
    this.#timer = setInterval(() => this.#ping(), options.pingMs ?? pingMs).unref();
    this.#session.on("goaway", () => {
      this.#leaving = true;
    });
    this.#session.on("close", () => clearInterval(this.#timer));
    // The requests on it reject by themselves.
    this.#session.on("error", () => clearInterval(this.#timer));
  }

  /** Resolves when the peer has responded, if only that it has too much to do. Rejects with the reason why it did not. */
  static async open(options: PeerOptions): Promise<Peer> {
    const peer = new Peer(options);
    try {
      await peer.forward([], 0);
      return peer;
    } catch (error) {
      if (error instanceof DuetError && error.reason === "OVERLOADED") return peer;
      peer.close();
      throw error;
    }
  }

  /** False once it takes no more requests. */
  get isUsable(): boolean {
    return !this.#leaving && !this.#session.closed && !this.#session.destroyed;
  }

  /**
   * Sends operations as `encodeOperation` returns them. `notAfter` is the latest time at which they may be applied, by the
   * clock of the log in milliseconds since 1970; `span` is the parent of what happens there. Resolves when each of them is
   * durable there or has failed. Rejects with NotForwardedError, with OVERLOADED when the peer has no room for any of them,
   * or with another error when they may or may not have been applied.
   */
  async forward(
    operations: readonly Uint8Array[],
    notAfter: number,
    span?: CallSpan,
  ): Promise<ForwardResponse> {
    const stream = this.#request(operations, notAfter, span);
    const timer = setTimeout(() => {
      stream.destroy(new Error("the replica took too long"));
    }, this.#options.requestMs ?? requestMs);
    try {
      const response = await readMessage(stream);
      return this.#options.codec.decode(ForwardResponseSchema, response) as ForwardResponse;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Throws NotForwardedError. */
  #request(
    operations: readonly Uint8Array[],
    notAfter: number,
    span: CallSpan | undefined,
  ): ClientHttp2Stream {
    const { id: replicaId, storeId, proof, now, codec } = this.#options;
    if (!this.isUsable) throw new NotForwardedError("the replica is leaving");
    try {
      const stream = this.#session.request({
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc+proto",
        te: "trailers",
        ...proof.headers({ storeId, replicaId, time: now() }),
        ...(span && traceHeaders(span)),
      });
      const head = codec.encode(ForwardRequestSchema, { storeId, replicaId, notAfter: BigInt(notAfter) });
      stream.end(envelope([head, ...operations]));
      return stream;
    } catch (error) {
      throw new NotForwardedError("nothing was sent", error);
    }
  }

  /** Lets running requests end. */
  leave(): void {
    this.#leaving = true;
    this.#session.close();
  }

  /** Ends at once; the outcome of running requests is unknown. */
  close(): void {
    clearInterval(this.#timer);
    this.#leaving = true;
    this.#session.destroy();
  }

  #ping(): void {
    if (this.#unanswered++ >= pingsMax) return this.close();
    if (this.#session.connecting || this.#session.destroyed) return;
    this.#session.ping((error) => {
      if (error === null) this.#unanswered = 0;
    });
  }
}

function traceHeaders(span: CallSpan): Readonly<Record<string, string>> {
  const { traceState } = span;
  return { traceparent: formatTraceparent(span), ...(traceState !== "" && { tracestate: traceState }) };
}

/** Encoded messages that follow each other are one message: the fields of all of them. */
function envelope(parts: readonly Uint8Array[]): Buffer {
  const head = Buffer.alloc(envelopeBytes);
  const body = Buffer.concat([head, ...parts]);
  body.writeUInt32BE(body.length - envelopeBytes, 1);
  return body;
}

/** Resolves with the one message of a response. Rejects as `Peer.forward` does. */
async function readMessage(stream: ClientHttp2Stream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  let status = new Headers();
  let failure: unknown;
  const takeStatus = (headers: object) => {
    const fields = Object.entries(headers).filter(([name]) => name.startsWith("grpc-"));
    if (fields.length > 0) status = new Headers(fields.map(([name, value]) => [name, String(value)]));
  };
  stream.on("response", takeStatus).on("trailers", takeStatus);
  stream.on("error", (error) => {
    failure = error;
  });
  stream.on("data", (chunk: Buffer) => {
    length += chunk.length;
    if (length > responseBytesMax) stream.close(constants.NGHTTP2_CANCEL);
    else chunks.push(chunk);
  });
  await new Promise<void>((resolve) => stream.once("close", resolve));
  if (stream.rstCode === constants.NGHTTP2_REFUSED_STREAM) {
    throw new NotForwardedError("the replica refused the request", failure);
  }
  const error = findTrailerError(status);
  const info = error?.findDetails(ErrorInfoSchema)[0];
  // It has begun none of them, and needs no competition now.
  if (info?.reason === "OVERLOADED") throw new DuetError("OVERLOADED", error?.rawMessage ?? "");
  if (error !== undefined && info !== undefined && !uncertain.has(info.reason)) {
    throw new NotForwardedError("the replica refused the request", error);
  }
  const bytes = Buffer.concat(chunks);
  const isWhole =
    length >= envelopeBytes && bytes.readUInt32BE(1) === length - envelopeBytes && bytes[0] === 0;
  if (error === undefined && status.get("grpc-status") === "0" && isWhole)
    return bytes.subarray(envelopeBytes);
  throw new Error("the replica did not respond", { cause: error ?? failure });
}
