import type { Transaction } from "../../transaction-logger.ts";
import { type File, writeFully } from "../file-system.ts";
import { encodeFileHeader, fileHeaderBytes } from "../format/file-header.ts";
import { encodeEndFrame, frameKinds, frameMarker } from "../format/frame.ts";
import { FrameEncoder } from "../format/frame-encoder.ts";

const framePayloadBytes = 64 * 1024;
/** A sync that has more to write would hold up those of the appends. */
const syncEveryBytes = 1024 * 1024;

/** A snapshot file as it grows: `begin`, then `add` in order of sequence, then `end`. The last sync is the caller's. */
export class SnapshotOutput {
  readonly #file: File;
  readonly #logId: Buffer;
  readonly #encoder: FrameEncoder;
  #offset = 0;
  #synced = 0;
  #checksum = 0;
  #count = 0;

  constructor(file: File, logId: Buffer) {
    this.#file = file;
    this.#logId = logId;
    this.#encoder = new FrameEncoder(frameMarker(logId), frameKinds.snapshot);
  }

  async begin(horizon: number, previousChecksum: number): Promise<void> {
    const header = encodeFileHeader({
      kind: "snapshot",
      logId: this.#logId,
      sequence: horizon,
      previousChecksum,
    });
    await this.#write(header);
    this.#checksum = header.readUInt32LE(fileHeaderBytes - 4);
    this.#encoder.begin();
  }

  /** Undefined when there is nothing to wait for. */
  add(transaction: Transaction): Promise<void> | undefined {
    this.#encoder.add(transaction);
    return this.#encoder.payloadBytes < framePayloadBytes ? undefined : this.#flush();
  }

  async #flush(): Promise<void> {
    const frame = this.#encoder.finish(this.#checksum);
    this.#checksum = this.#encoder.checksum;
    this.#count += this.#encoder.count;
    await this.#write(frame);
    this.#encoder.begin();
    if (this.#offset - this.#synced < syncEveryBytes) return;
    await this.#file.sync();
    this.#synced = this.#offset;
  }

  /** Resolves with the size of the file. */
  async end(horizon: number): Promise<number> {
    if (this.#encoder.count > 0) await this.#flush();
    const endFrame = encodeEndFrame(frameMarker(this.#logId), {
      kind: frameKinds.endOfSnapshot,
      count: this.#count,
      firstSequence: horizon + 1,
      previousChecksum: this.#checksum,
    });
    await this.#write(endFrame);
    return this.#offset;
  }

  async #write(bytes: Buffer): Promise<void> {
    await writeFully(this.#file, bytes, this.#offset);
    this.#offset += bytes.length;
  }
}
