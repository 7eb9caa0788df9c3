import { SnapshotEncoder } from "../../snapshot/snapshot-encoder.ts";
import type { Transaction } from "../../transaction-logger.ts";
import { type File, writeFully } from "../file-system.ts";

/** Bytes between two syncs. A larger sync would delay those of appends. */
const syncEveryBytes = 1024 * 1024;

/**
 * Writes a snapshot file: call `begin`, then `add` in order of sequence, then `end`. If complete transactions after
 * the horizon follow, call `passHorizon` before them. The caller syncs the file at the end.
 */
export class SnapshotOutput {
  readonly #file: File;
  readonly #encoder: SnapshotEncoder;
  #offset = 0;
  #synced = 0;

  constructor(file: File, logId: Buffer) {
    this.#file = file;
    this.#encoder = new SnapshotEncoder(logId);
  }

  /** `previousChecksum`: the checksum of the last frame that the snapshot replaces. */
  begin(horizon: number, previousChecksum: number): Promise<void> {
    return this.#write(this.#encoder.begin(horizon, previousChecksum));
  }

  /** Adds a transaction. Returns undefined when there is nothing to wait for. */
  add(transaction: Transaction): Promise<void> | undefined {
    const frame = this.#encoder.add(transaction);
    return frame && this.#writeFrame(frame);
  }

  /**
   * Must be called once, before the first transaction after the horizon. Returns undefined when there is nothing to
   * wait for.
   */
  passHorizon(): Promise<void> | undefined {
    const frame = this.#encoder.passHorizon();
    return frame && this.#writeFrame(frame);
  }

  /** `last`: the sequence of the last frame that the snapshot replaces. Resolves with the size of the file. */
  async end(last: number): Promise<number> {
    for (const bytes of this.#encoder.end(last)) await this.#write(bytes);
    return this.#offset;
  }

  async #writeFrame(frame: Buffer): Promise<void> {
    await this.#write(frame);
    if (this.#offset - this.#synced < syncEveryBytes) return;
    await this.#file.sync();
    this.#synced = this.#offset;
  }

  async #write(bytes: Buffer): Promise<void> {
    await writeFully(this.#file, bytes, this.#offset);
    this.#offset += bytes.length;
  }
}
