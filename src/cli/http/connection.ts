import { connect, isIP, type Socket } from "node:net";
import { ByteReader } from "./byte-reader.ts";
import { type HttpResponse, readResponse } from "./response.ts";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

export interface TlsFiles {
  readonly ca?: Buffer;
  readonly cert?: Buffer;
  readonly key?: Buffer;
}

/**
 * An HTTP/1.1 connection on a plain socket, for one request at a time. Loading fetch or node:http takes several times
 * as long as a whole `duetkv get`.
 */
export class HttpConnection {
  readonly #origin: URL;
  readonly #socket: Socket;
  readonly #reader: ByteReader;
  #keepAlive = true;
  #silence = "";

  private constructor(origin: URL, socket: Socket) {
    this.#origin = origin;
    this.#socket = socket;
    this.#reader = new ByteReader(socket);
    socket.on("timeout", () => socket.destroy(new Error(this.#silence)));
  }

  /** Opens a connection. Rejects with the system error, or after `timeoutMs`. */
  static async open(origin: URL, tls: TlsFiles, timeoutMs: number): Promise<HttpConnection> {
    const socket = await openSocket(origin, tls);
    const ready = origin.protocol === "https:" ? "secureConnect" : "connect";
    await new Promise<void>((resolve, reject) => {
      const giveUp = () => socket.destroy(new Error(`no connection within ${timeoutMs} ms`));
      const timer = setTimeout(giveUp, timeoutMs);
      socket.once("error", reject);
      socket.once(ready, () => {
        clearTimeout(timer);
        socket.off("error", reject);
        resolve();
      });
      socket.once("error", () => clearTimeout(timer));
    });
    // Readers receive errors. An error without a reader must not end the process.
    socket.on("error", () => {});
    socket.setNoDelay(true);
    return new HttpConnection(origin, socket);
  }

  /** Whether another request can be sent after the last response was read. */
  get usable(): boolean {
    return this.#keepAlive && !this.#socket.destroyed && !this.#socket.readableEnded;
  }

  /**
   * Sends a request. Resolves with the head of the response. Rejects when the connection ends first, or the response
   * is malformed.
   */
  async send({ method, path, headers, body }: HttpRequest): Promise<HttpResponse> {
    const base = this.#origin.pathname.replace(/\/$/, "");
    const lines = [
      `${method} ${base}${path} HTTP/1.1`,
      `Host: ${this.#origin.host}`,
      ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
      `Content-Length: ${Buffer.byteLength(body)}`,
    ];
    this.#socket.write(`${lines.join("\r\n")}\r\n\r\n`);
    if (body.length > 0) this.#socket.write(body);
    const response = await readResponse(this.#reader);
    this.#keepAlive = response.keepAlive;
    return response;
  }

  /** Ends the connection after `ms` without traffic; pending reads then reject with `message`. 0: no limit. */
  limitSilence(ms: number, message: string): void {
    this.#silence = message;
    this.#socket.setTimeout(ms);
  }

  close(error?: Error): void {
    this.#socket.destroy(error);
  }
}

async function openSocket({ protocol, hostname, port }: URL, tls: TlsFiles): Promise<Socket> {
  const host = hostname.replace(/^\[|\]$/g, "");
  if (protocol === "http:") return connect({ host, port: Number(port || 80) });
  const { connect: connectTls } = await import("node:tls");
  const servername = isIP(host) === 0 ? { servername: host } : {};
  return connectTls({ host, port: Number(port || 443), ALPNProtocols: ["http/1.1"], ...servername, ...tls });
}
