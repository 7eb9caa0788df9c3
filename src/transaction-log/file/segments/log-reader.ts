import { UnknownFormatError } from "../../codec/fields.ts";
import type { Transaction } from "../../transaction-logger.ts";
import { closeQuietly, type File } from "../file-system.ts";
import { type FileHeader } from "../format/file-header.ts";
import { frameKinds } from "../format/frame.ts";
import { type Frame, FrameReader, holdsTransactions } from "../format/frame-reader.ts";
import { payloadDecoder } from "../format/payload-decoder.ts";
import type { LogDirectory } from "../log-directory.ts";
import { corruptError, unknownFormatError } from "../repair/damage.ts";
import { readFileHeader } from "../repair/inspection.ts";

/** A file, and the part of it to read. */
export interface ReadableFile {
  readonly name: string;
  readonly kind: FileHeader["kind"];
  /** The first sequence of a segment or the horizon of a snapshot. */
  readonly sequence: number;
  /** The end of the frames to read; undefined: up to the end frame. */
  readonly endOffset: number | undefined;
}

/** Open files of a log. A compaction may remove them from the directory meanwhile. */
export class LogReader {
  readonly #directory: LogDirectory;
  readonly #logId: Buffer;
  readonly #files: { readonly readable: ReadableFile; readonly file: File }[] = [];
  /** The file of the last group of `frames`. */
  #current = "";

  private constructor(directory: LogDirectory, logId: Buffer) {
    this.#directory = directory;
    this.#logId = logId;
  }

  static async open(
    directory: LogDirectory,
    logId: Buffer,
    readables: readonly ReadableFile[],
  ): Promise<LogReader> {
    const reader = new LogReader(directory, logId);
    try {
      for (const readable of readables) {
        const file = await directory.open(readable.name, "read");
        reader.#files.push({ readable, file });
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
    return reader;
  }

  /**
   * Yields all frames with transactions, in order, in groups that are in memory together. Payloads are valid until
   * the next group is requested. Throws LOG_CORRUPT at the first damage.
   */
  async *frames(chunkBytes?: number): AsyncGenerator<readonly Frame[]> {
    /** The expected header of the next segment; undefined before the first file. */
    let chain: { readonly sequence: number; readonly checksum: number } | undefined;
    for (const { readable, file } of this.#files) {
      const { name, kind, sequence, endOffset } = readable;
      this.#current = name;
      let lastGoodSequence = (chain?.sequence ?? 1) - 1;
      const damaged = (offset: number, what: string) =>
        corruptError(this.#directory, { file: name, offset, lastGoodSequence, what });

      const decoded = await readFileHeader(file);
      if (decoded.verdict !== "good") throw damaged(0, "a bad file header");
      const { header } = decoded;
      const isExpected =
        header.kind === kind && header.sequence === sequence && header.logId.equals(this.#logId);
      const isChained =
        !chain || (chain.sequence === header.sequence && chain.checksum === header.previousChecksum);
      if (!isExpected || !isChained) throw damaged(0, "not the file that should be here");

      const reader = new FrameReader(file, header, {
        end: endOffset ?? (await file.size()),
        ...(chunkBytes === undefined ? {} : { chunkBytes }),
      });
      let checksum = header.previousChecksum;
      for await (const group of reader.groups()) {
        const frames = group.filter(holdsTransactions);
        checksum = frames.at(-1)?.checksum ?? checksum;
        if (frames.length > 0) yield frames;
      }
      lastGoodSequence = reader.nextSequence - 1;
      if (endOffset === undefined ? !reader.ended : reader.offset !== endOffset) {
        throw damaged(reader.offset, "a bad frame");
      }
      chain = {
        sequence: reader.nextSequence,
        checksum: kind === "segment" ? checksum : header.previousChecksum,
      };
    }
  }

  /** Yields the transactions after `after`, in order, in batches. Throws LOG_CORRUPT at the first damage. */
  async *transactions(after: number): AsyncGenerator<readonly Transaction[]> {
    for await (const frames of this.frames()) {
      const transactions: Transaction[] = [];
      for (const frame of frames) {
        const isContiguous = frame.kind === frameKinds.transactions;
        if (isContiguous && frame.firstSequence + frame.count - 1 <= after) continue;
        for (const transaction of this.decode(frame)) {
          if (transaction.sequence > after) transactions.push(transaction);
        }
      }
      if (transactions.length > 0) yield transactions;
    }
  }

  /** Decodes a frame of the last group, one transaction at a time, so that the caller can yield in between. */
  *decode(frame: Frame): Generator<Transaction, void> {
    const decoder = payloadDecoder(frame);
    for (let index = 0; index < frame.count; index++) {
      let transaction: Transaction;
      try {
        transaction = decoder.decode();
      } catch (error) {
        throw this.#undecodable(frame, error);
      }
      yield transaction;
    }
    if (!decoder.done) throw this.#undecodable(frame, new RangeError("bytes after the last transaction"));
  }

  /** The error for a frame with a correct checksum and invalid content. */
  #undecodable(frame: Frame, cause: unknown) {
    const { offset, firstSequence } = frame;
    if (cause instanceof UnknownFormatError) {
      return unknownFormatError(this.#directory, this.#current, offset, cause);
    }
    const what = "a frame that cannot be decoded";
    return corruptError(
      this.#directory,
      { file: this.#current, offset, lastGoodSequence: firstSequence - 1, what },
      cause,
    );
  }

  async close(): Promise<void> {
    for (const { file } of this.#files.splice(0)) await closeQuietly(file);
  }
}
