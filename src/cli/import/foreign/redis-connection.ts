import { once } from "node:events";
import { connect, isIP, type Socket } from "node:net";
import { ByteReader } from "../../http/byte-reader.ts";

/** What Redis responds in RESP2; null for a missing value, an Error for a command that it refuses. */
export type Reply = string | number | Buffer | null | Error | readonly Reply[];

const lineBytesMax = 64 * 1024;
/** A value in Redis has at most this many. */
const bulkBytesMax = 512 * 1024 * 1024;

/** A connection to Redis that sends commands in pipelines. */
export class RedisConnection {
  readonly #socket: Socket;
  readonly #reader: ByteReader;

  readonly #timeoutMs: number;

  private constructor(socket: Socket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    this.#reader = new ByteReader(socket);
  }

  /** Connects to redis://HOST:PORT, or with TLS to rediss://. No response may be silent for longer than `timeoutMs`. */
  static async open(url: URL, timeoutMs: number): Promise<RedisConnection> {
    const host = url.hostname.replace(/^\[|\]$/g, "");
    const port = Number(url.port || 6379);
    const secure = url.protocol === "rediss:";
    const socket = secure
      ? (await import("node:tls")).connect({ host, port, ...(isIP(host) === 0 && { servername: host }) })
      : connect({ host, port });
    socket.setTimeout(timeoutMs);
    socket.on("timeout", () => socket.destroy(new Error(`no response within ${timeoutMs} ms`)));
    await once(socket, secure ? "secureConnect" : "connect");
    // Readers receive errors. An error without a reader must not end the process.
    socket.on("error", () => {});
    return new RedisConnection(socket, timeoutMs);
  }

  /** Sends commands at once. Resolves with the reply to each. Rejects with the error of the first that Redis refuses. */
  async send(...commands: readonly (readonly (string | Buffer)[])[]): Promise<readonly Reply[]> {
    const replies = await this.ask(...commands);
    const refusal = replies.find((reply) => reply instanceof Error);
    if (refusal !== undefined) throw refusal;
    return replies;
  }

  /** Sends commands at once. Resolves with the reply to each, also when Redis refuses some. */
  async ask(...commands: readonly (readonly (string | Buffer)[])[]): Promise<readonly Reply[]> {
    this.#socket.setTimeout(this.#timeoutMs);
    this.#socket.write(Buffer.concat(commands.map(encodeCommand)));
    const replies: Reply[] = [];
    while (replies.length < commands.length) replies.push(await this.#read());
    this.#socket.setTimeout(0);
    return replies;
  }

  close(): void {
    this.#socket.destroy();
  }

  async #read(): Promise<Reply> {
    const line = await this.#reader.line(lineBytesMax);
    const rest = line.slice(1);
    switch (line.charAt(0)) {
      case "+":
        return rest;
      case "-":
        return new Error(rest);
      case ":":
        return Number(rest);
      case "$":
        return this.#readBulk(Number(rest));
      case "*": {
        const items: Reply[] = [];
        for (let left = Number(rest); left > 0; left--) items.push(await this.#read());
        return items;
      }
      default:
        throw new Error("it does not speak the protocol of Redis");
    }
  }

  async #readBulk(length: number): Promise<Buffer | null> {
    if (length === -1) return null;
    if (!(length >= 0 && length <= bulkBytesMax)) throw new Error("a malformed bulk string");
    return (await this.#reader.bytes(length + 2)).subarray(0, length);
  }
}

function encodeCommand(words: readonly (string | Buffer)[]): Buffer {
  const pieces = words.flatMap((word) => {
    const bytes = Buffer.from(word as string);
    return [Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n")];
  });
  return Buffer.concat([Buffer.from(`*${words.length}\r\n`), ...pieces]);
}
