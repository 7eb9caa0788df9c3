import { join } from "node:path";
import { TransactionDecoder } from "../transaction-codec.ts";
import type { Transaction } from "../transaction-logger.ts";
import { corruptError } from "./damage.ts";
import { type FileHeader, fileHeaderBytes } from "./file-header.ts";
import { closeQuietly, type File, type FileSystem } from "./file-system.ts";
import { frameKinds, frameMarker } from "./frame.ts";
import { type Frame, FrameReader } from "./frame-reader.ts";
import { readFileHeader } from "./inspection.ts";

/** What is to be read of a file. */
export interface ReadableFile {
  readonly name: string;
  readonly kind: FileHeader["kind"];
  /** First sequence of a segment, horizon of a snapshot. */
  readonly sequence: number;
  /** Frames are read up to here; undefined: up to the end frame. */
  readonly endOffset: number | undefined;
}

/** Files of a log, open for reading: compaction may remove them from the directory meanwhile. */
export class LogReader {
  readonly #directory: string;
  readonly #logId: Buffer;
  readonly #files: { readonly readable: ReadableFile; readonly file: File }[] = [];
  /** The file that the frames are from which `frames` gave last. */
  #current = "";

  private constructor(directory: string, logId: Buffer) {
    this.#directory = directory;
    this.#logId = logId;
  }

  static async open(
    fileSystem: FileSystem,
    directory: string,
    logId: Buffer,
    readables: readonly ReadableFile[],
  ): Promise<LogReader> {
    const reader = new LogReader(directory, logId);
    try {
      for (const readable of readables) {
        const file = await fileSystem.open(join(directory, readable.name), "read");
        reader.#files.push({ readable, file });
      }
    } catch (error) {
      await reader.close();
      throw error;
    }
    return reader;
  }

  /**
   * All frames that hold transactions, in order, in groups that are in memory at once: their payloads are valid until
   * the next group is asked for. Throws LOG_CORRUPT rather than skip anything.
   */
  async *frames(chunkBytes?: number): AsyncGenerator<readonly Frame[]> {
    /** What the header of the next segment must say; undefined before the first file. */
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

      const reader = new FrameReader(file, {
        kind,
        marker: frameMarker(this.#logId),
        offset: fileHeaderBytes,
        end: endOffset ?? (await file.size()),
        checksum: header.checksum,
        nextSequence: kind === "segment" ? header.sequence : 1,
        ...(chunkBytes === undefined ? {} : { chunkBytes }),
      });
      let checksum = header.previousChecksum;
      let group: Frame[] = [];
      for (;;) {
        const frame = reader.take();
        if (frame) {
          if (frame.kind !== frameKinds.transactions && frame.kind !== frameKinds.snapshot) continue;
          group.push(frame);
          checksum = reader.checksum;
        } else {
          if (group.length > 0) yield group;
          group = [];
          if (!(await reader.more())) break;
        }
      }
      lastGoodSequence = reader.nextSequence - 1;
      if (endOffset === undefined ? !reader.ended : reader.offset !== endOffset) {
        throw damaged(reader.offset, "a bad frame");
      }
      chain =
        kind === "segment"
          ? { sequence: reader.nextSequence, checksum }
          : { sequence: sequence + 1, checksum: header.previousChecksum };
    }
  }

  /** Decodes a frame that `frames` just gave, one by one, so that a caller can pause between them. */
  *decode(frame: Frame): Generator<Transaction, void> {
    const decoder = new TransactionDecoder(frame.payload);
    const isContiguous = frame.kind === frameKinds.transactions;
    for (let index = 0; index < frame.count; index++) {
      let transaction: Transaction;
      try {
        transaction = decoder.decode(isContiguous ? frame.firstSequence + index : undefined);
      } catch (error) {
        throw this.#undecodable(frame, error);
      }
      yield transaction;
    }
    if (!decoder.done) throw this.#undecodable(frame, new RangeError("bytes behind the last transaction"));
  }

  /** The checksum is right and the content is not: whoever wrote it did not write what it meant. */
  #undecodable(frame: Frame, cause: unknown) {
    const { offset, firstSequence } = frame;
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
