import { promisify } from "node:util";
import { brotliCompress, brotliDecompress, constants, gunzip, gzip } from "node:zlib";
import { Code } from "@connectrpc/connect";
import type { ConnectionBudget } from "../http2/byte-budget.ts";
import { clientGone, wireError } from "../wire-error.ts";
import { bodyTooLarge } from "./body-too-large.ts";
import { FairQueue } from "./fair-queue.ts";
import { overloaded } from "./overloaded.ts";

export type Encoding = "gzip" | "br";

/** Smaller responses are sent as they are: they fit into a packet or two. */
export const compressedBytesMin = 1024;

/** Jobs at a time. zlib shares Node's few threads with the log, whose syncs must not wait for it. */
const jobsMax = 2;
/** A response that would wait for more jobs of its connection than this is sent as it is. */
const compressionWaitingMax = 64;
/** A request that would is refused. HTTP/2 has no more streams; a pipeline of HTTP/1.1 may have more requests. */
const decompressionWaitingMax = 4096;

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

/** For whom bytes are compressed or decompressed: an exchange. */
export interface CompressionOwner {
  /** Of its connection. */
  readonly budget: ConnectionBudget;
  /** Whether nobody waits for the outcome any more. */
  readonly gone: boolean;
}

/**
 * Compresses and decompresses beside the event loop, a bounded number of jobs at a time. Connections take turns. What a job
 * was given counts against the budget of its connection until it is over; a job whose owner has gone is not run.
 */
export class Compression {
  #running = 0;
  readonly #waiting = new FairQueue<ConnectionBudget, () => void>();

  /** Undefined: it is not worth it, or there is no room for it, and `bytes` are to be sent as they are. */
  async compress(
    encoding: Encoding,
    bytes: Uint8Array,
    owner: CompressionOwner,
  ): Promise<Buffer | undefined> {
    const { budget } = owner;
    if (this.#waiting.countOf(budget) >= compressionWaitingMax) return undefined;
    if (budget.take(bytes.length) !== undefined) return undefined;
    try {
      const compressed = await this.#run(owner, () => compressors[encoding](bytes));
      return compressed !== undefined && compressed.length < bytes.length ? compressed : undefined;
    } finally {
      budget.give(bytes.length);
    }
  }

  /**
   * Decompresses a copy of `bytes`. Throws REQUEST_MALFORMED for invalid data, REQUEST_TOO_LARGE as soon as there are more
   * than `bytesMax`, OVERLOADED when there is no room, and CLIENT_GONE when the owner has gone.
   */
  async decompress(
    encoding: Encoding,
    bytes: Uint8Array,
    bytesMax: number,
    owner: CompressionOwner,
  ): Promise<NonSharedBuffer> {
    const { budget } = owner;
    if (this.#waiting.countOf(budget) >= decompressionWaitingMax) throw overloaded();
    if (budget.take(bytes.length) !== undefined) throw overloaded();
    const copy = Buffer.from(bytes);
    let content: NonSharedBuffer | undefined;
    try {
      content = await this.#run(owner, () => decompressors[encoding](copy, { maxOutputLength: bytesMax }));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw bodyTooLarge(bytesMax);
      const message = `the request is not valid ${encoding}`;
      throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", message, error);
    } finally {
      budget.give(copy.length);
    }
    if (content === undefined) throw clientGone();
    return content;
  }

  /** Runs a job when its turn comes. Undefined: its owner had gone by then. */
  async #run(
    owner: CompressionOwner,
    job: () => Promise<NonSharedBuffer>,
  ): Promise<NonSharedBuffer | undefined> {
    if (this.#running >= jobsMax)
      await new Promise<void>((resolve) => this.#waiting.add(owner.budget, resolve));
    else this.#running++;
    try {
      return owner.gone ? undefined : await job();
    } finally {
      const next = this.#waiting.take();
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
