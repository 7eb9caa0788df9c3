import { basename } from "node:path";
import { DuetError } from "../../errors.ts";
import { UnknownFormatError } from "../codec/fields.ts";
import { closeQuietly, type File, readFully } from "../file/file-system.ts";
import {
  decodeFileHeader,
  type FileHeader,
  fileHeaderBytes,
  formatVersion,
} from "../file/format/file-header.ts";
import { frameKinds } from "../file/format/frame.ts";
import { type Frame, FrameReader, holdsTransactions } from "../file/format/frame-reader.ts";
import { payloadDecoder } from "../file/format/payload-decoder.ts";
import { nodeFileSystem } from "../file/node-file-system.ts";
import type { Transaction } from "../transaction-logger.ts";

/**
 * A snapshot file that is open for reading. Methods reject with LOG_CORRUPT when the file is damaged or truncated.
 */
export class SnapshotReader {
  /** The revision of the snapshot. */
  readonly revision: number;
  readonly bytes: number;
  readonly #name: string;
  readonly #file: File;
  readonly #header: FileHeader;
  readonly #onRead: (bytes: number, total: number) => void;

  private constructor(
    name: string,
    file: File,
    bytes: number,
    header: FileHeader,
    onRead: (bytes: number, total: number) => void,
  ) {
    this.#name = name;
    this.#file = file;
    this.#header = header;
    this.#onRead = onRead;
    this.bytes = bytes;
    this.revision = header.sequence;
  }

  /**
   * Opens a file. `onRead` is called with the bytes that were read so far, and the size of the file. Also rejects with
   * LOG_VERSION for a file of a newer release, and with the error of the file system.
   */
  static async open(
    path: string,
    onRead: (bytes: number, total: number) => void = () => {},
  ): Promise<SnapshotReader> {
    const name = basename(path);
    const file = await nodeFileSystem.open(path, "read");
    try {
      const bytes = await file.size();
      const start = Buffer.alloc(fileHeaderBytes);
      await readFully(file, start, 0);
      const decoded = decodeFileHeader(start);
      if (decoded.verdict === "newer") {
        const message = `${name} has format version ${decoded.version}; this release reads up to ${formatVersion}`;
        throw new DuetError("LOG_VERSION", message);
      }
      if (decoded.verdict === "bad" || decoded.header.kind !== "snapshot") {
        throw new DuetError("LOG_CORRUPT", `${name} is not a snapshot: its file header is bad`);
      }
      return new SnapshotReader(name, file, bytes, decoded.header, onRead);
    } catch (error) {
      await closeQuietly(file);
      throw error;
    }
  }

  /**
   * Yields all transactions in order of sequence. The file is complete only if this ends without an error. Frames
   * with transactions after the revision, as compaction writes them, are refused.
   */
  async *transactions(): AsyncGenerator<Transaction, void> {
    const reader = new FrameReader(this.#file, this.#header, { end: this.bytes });
    for await (const frames of reader.groups()) {
      for (const frame of frames) {
        if (frame.kind === frameKinds.snapshot) yield* this.#decode(frame);
        else if (holdsTransactions(frame)) throw this.#damaged(frame.offset, "later transactions follow");
      }
      this.#onRead(reader.offset, this.bytes);
    }
    if (!reader.ended) throw this.#damaged(reader.offset, "no good frame follows");
    if (reader.offset !== this.bytes) throw this.#damaged(reader.offset, "bytes follow the end frame");
  }

  close(): Promise<void> {
    return closeQuietly(this.#file);
  }

  *#decode(frame: Frame): Generator<Transaction, void> {
    const { offset } = frame;
    const decoder = payloadDecoder(frame);
    for (let index = 0; index < frame.count; index++) {
      let transaction: Transaction;
      try {
        transaction = decoder.decode();
      } catch (error) {
        if (error instanceof UnknownFormatError) {
          throw new DuetError(
            "LOG_VERSION",
            `${this.#name} was written by a newer release: it has ${error.message}`,
          );
        }
        throw this.#damaged(offset, "a frame cannot be decoded", error);
      }
      if (transaction.sequence > this.revision)
        throw this.#damaged(offset, "a sequence is after the revision");
      yield transaction;
    }
    if (!decoder.done) throw this.#damaged(offset, "bytes follow the last transaction of a frame");
  }

  #damaged(offset: number, what: string, cause?: unknown): DuetError {
    return new DuetError(
      "LOG_CORRUPT",
      `${this.#name} is damaged at offset ${offset} of ${this.bytes}: ${what}`,
      {
        cause,
      },
    );
  }
}
