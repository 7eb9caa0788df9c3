import { crc32 } from "node:zlib";
import { durableMarkName } from "../file-names.ts";
import { closeQuietly, type File, readFully, writeDurably } from "../file-system.ts";
import { readUint53, writeUint53 } from "../format/uint53.ts";
import type { LogDirectory } from "../log-directory.ts";

/**
 * The file `durable-sequence` holds a sequence that is known to be durable. A log that ends before it is damaged, not
 * torn. The file has two slots, written alternately, so that an interrupted write leaves the other one intact. Numbers
 * are little-endian.
 *
 *      0  8  magic "DuetKVds"
 *      8  8  log id
 *     16  8  sequence
 *     24  4  CRC-32 of bytes 0 to 23
 *   4096     the second slot
 */
const slotBytes = 28;
const slotOffsets = [0, 4096] as const;
const magic = Buffer.from("DuetKVds", "latin1");

interface Slot {
  readonly logId: Buffer;
  readonly sequence: number;
}

/** The newest sequence that the directory records as durable for this log; 0 when none is recorded. */
export async function readDurableMark(directory: LogDirectory, logId: Buffer): Promise<number> {
  if (!(await directory.has(durableMarkName))) return 0;
  const slots = await directory.withFile(durableMarkName, "read", readSlots);
  return Math.max(0, ...slots.map((slot) => (slot?.logId.equals(logId) ? slot.sequence : 0)));
}

/** Writes the file. Calls are serialized. */
export class DurableMark {
  readonly #directory: LogDirectory;
  readonly #logId: Buffer;
  #file: File | undefined;
  /** The index of the slot with the older sequence. */
  #next = 0;
  #sequence = -1;
  #writing: Promise<void> = Promise.resolve();

  constructor(directory: LogDirectory, logId: Buffer) {
    this.#directory = directory;
    this.#logId = logId;
  }

  /**
   * Records that everything up to `sequence` is durable, which must already be true. Resolves when the record is
   * durable, too. Rejects with the error of the file system; the previous record is then still there.
   */
  write(sequence: number): Promise<void> {
    const written = this.#writing.then(() => this.#write(sequence));
    this.#writing = written.catch(() => {});
    return written;
  }

  async close(): Promise<void> {
    await this.#writing;
    if (this.#file) await closeQuietly(this.#file);
    this.#file = undefined;
  }

  async #write(sequence: number): Promise<void> {
    if (sequence <= this.#sequence) return;
    const file = (this.#file ??= await this.#open());
    try {
      await writeDurably(
        file,
        encodeSlot({ logId: this.#logId, sequence }),
        slotOffsets[this.#next] as number,
      );
    } catch (error) {
      // A descriptor that failed once is not used again.
      this.#file = undefined;
      await closeQuietly(file);
      throw error;
    }
    this.#sequence = sequence;
    this.#next = 1 - this.#next;
  }

  async #open(): Promise<File> {
    const file = await this.#directory.open(durableMarkName, "updateDurable");
    try {
      await this.#directory.sync();
      const [first, second] = await readSlots(file);
      this.#next = first && (!second || first.sequence > second.sequence) ? 1 : 0;
      return file;
    } catch (error) {
      await closeQuietly(file);
      throw error;
    }
  }
}

function encodeSlot({ logId, sequence }: Slot): Buffer {
  const bytes = Buffer.alloc(slotBytes);
  magic.copy(bytes, 0);
  logId.copy(bytes, 8);
  writeUint53(bytes, sequence, 16);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, slotBytes - 4)), slotBytes - 4);
  return bytes;
}

/** Reads both slots. A slot is undefined when it was never written or is damaged. */
function readSlots(file: File): Promise<(Slot | undefined)[]> {
  return Promise.all(
    slotOffsets.map(async (offset) => {
      const bytes = Buffer.alloc(slotBytes);
      await readFully(file, bytes, offset);
      const checksum = crc32(bytes.subarray(0, slotBytes - 4));
      if (!bytes.subarray(0, 8).equals(magic) || bytes.readUInt32LE(slotBytes - 4) !== checksum)
        return undefined;
      return { logId: Buffer.from(bytes.subarray(8, 16)), sequence: readUint53(bytes, 16) };
    }),
  );
}
