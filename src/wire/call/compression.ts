import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants, gunzip, gzip } from "node:zlib";
import { Code } from "@connectrpc/connect";
import type { ByteBudget } from "../http2/byte-budget.ts";
import { wireError } from "../wire-error.ts";
import { bodyTooLarge } from "./body-too-large.ts";

export type Encoding = "gzip" | "br";

/** Jobs at a time. zlib shares Node's few threads with the log, whose syncs must not wait for it. */
const jobsMax = 2;
/** A response that would wait for more jobs than this is sent as it is. */
const waitingMax = 64;

// Fast rather than small: most of what can be saved is saved by then.
const gzipOptions = { level: 1 };
const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } };

const compressors = {
  gzip: (bytes: Uint8Array) => promisify(gzip)(bytes, gzipOptions),
  br: (bytes: Uint8Array) => promisify(brotliCompress)(bytes, brotliOptions),
} satisfies Record<Encoding, unknown>;

const decompressors = { gzip: promisify(gunzip), br: promisify(brotliDecompress) } satisfies Record<
  Encoding,
  unknown
>;

export function isEncoding(name: string | undefined): name is Encoding {
  return name === "gzip" || name === "br";
}

/** Compresses and decompresses beside the event loop, a bounded number of jobs at a time. */
export class Compression {
  /** Of all connections: bytes that are being compressed, and those that decompressed requests hold, are part of it. */
  readonly budget: ByteBudget;
  #running = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(budget: ByteBudget) {
    this.budget = budget;
  }

  /** Undefined: it is not worth it, or there is no room for it, and `bytes` are to be sent as they are. */
  async compress(encoding: Encoding, bytes: Uint8Array): Promise<Buffer | undefined> {
    if (this.#waiting.length >= waitingMax || !this.budget.take(bytes.length)) return undefined;
    try {
      const compressed = await this.#run(() => compressors[encoding](bytes));
      return compressed.length < bytes.length ? compressed : undefined;
    } finally {
      this.budget.give(bytes.length);
    }
  }

  /** Throws REQUEST_MALFORMED for invalid data, and REQUEST_TOO_LARGE as soon as there are more than `bytesMax`. */
  async decompress(encoding: Encoding, bytes: Uint8Array, bytesMax: number): Promise<Buffer> {
    try {
      return await this.#run(() => decompressors[encoding](bytes, { maxOutputLength: bytesMax }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw bodyTooLarge(bytesMax);
      const message = `the request is not valid ${encoding}`;
      throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message, error);
    }
  }

  async #run(job: () => Promise<Buffer>): Promise<Buffer> {
    if (this.#running >= jobsMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running++;
    try {
      return await job();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
