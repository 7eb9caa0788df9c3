import { SnapshotEncoder } from "../../snapshot/snapshot-encoder.ts";
import type { Transaction } from "../../transaction-logger.ts";
import { type File, writeFully } from "../file-system.ts";

/** A sync that has more to write would hold up those of the appends. */
const syncEveryBytes = 1024 * 1024;

/**
 * A snapshot file as it grows: `begin`, then `add` in order of sequence, with `passHorizon` in between if transactions
 * after the horizon follow, which have no gaps; then `end`. The last sync is the caller's.
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

  /** `previousChecksum`: of the last frame that the snapshot replaces. */
  begin(horizon: number, previousChecksum: number): Promise<void> {
    return this.#write(this.#encoder.begin(horizon, previousChecksum));
  }

  /** Undefined when there is nothing to wait for. */
  add(transaction: Transaction): Promise<void> | undefined {
    const frame = this.#encoder.add(transaction);
    return frame && this.#writeFrame(frame);
  }

  /** To be called once, before the first transaction after the horizon. Undefined when there is nothing to wait for. */
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
