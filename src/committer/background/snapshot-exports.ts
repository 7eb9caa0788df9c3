import { DuetError } from "../../errors.ts";
import type { Entry } from "../../store/entry.ts";
import { Slice } from "../../store/give-way.ts";
import type { Snapshot } from "../../store/snapshot.ts";
import type { Store } from "../../store/store.ts";
import { SnapshotEncoder } from "../../transaction-log/snapshot/snapshot-encoder.ts";
import type { PutEvent, Transaction } from "../../transaction-log/transaction-logger.ts";

/** The most exports at the same time. Each keeps overwritten entries in memory. */
const runningMax = 2;

/**
 * The size of one piece. A gRPC message has at most 4 MiB, and a frame may be as large as the largest transaction.
 */
const pieceBytes = 256 * 1024;

/** A reader that is slower has taken too long after `stallMs`, in bytes per second. It would keep others from reading. */
const readRateMin = 64 * 1024;

export interface SnapshotExportsOptions {
  readonly store: Store;
  /** 16 hexadecimal digits. */
  readonly storeId: string;
  /** The most bytes of overwritten entries that one export keeps. */
  readonly keptBytesMax: number;
  /** How far a reader may fall behind the least rate, in milliseconds: also the longest wait for the next piece. */
  readonly stallMs: number;
}

export interface ExportCounts {
  readonly running: number;
  readonly completed: number;
  /** Exports that ended with SNAPSHOT_TOO_SLOW. */
  readonly tooSlow: number;
  readonly bytes: number;
  /** Milliseconds since 1970 UTC; 0: never. */
  readonly completedTime: number;
}

/**
 * Online backups: the state of the store at one revision, in the snapshot format of the log (docs/log-format.md).
 * Writes continue during an export. The memory that slow readers make the store keep is limited in bytes and in time.
 */
export class SnapshotExports {
  readonly #options: SnapshotExportsOptions;
  #running = 0;
  #completed = 0;
  #tooSlow = 0;
  #bytes = 0;
  #completedTime = 0;

  constructor(options: SnapshotExportsOptions) {
    this.#options = options;
  }

  get counts(): ExportCounts {
    return {
      running: this.#running,
      completed: this.#completed,
      tooSlow: this.#tooSlow,
      bytes: this.#bytes,
      completedTime: this.#completedTime,
    };
  }

  /**
   * Exports the state of the store at the time of the first `next`. Throws OVERLOADED when too many exports run,
   * SNAPSHOT_TOO_SLOW when the reader is too slow, and the signal's reason when it is aborted.
   */
  async *read(signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    if (this.#running >= runningMax) {
      throw new DuetError("OVERLOADED", `${runningMax} snapshots are being read already; try again later`);
    }
    const { store, keptBytesMax, stallMs } = this.#options;
    const given = new AbortController();
    const onTooLarge = () =>
      giveUp(`more than ${keptBytesMax} bytes (--snapshot-bytes-max) were overwritten during the export`);
    const snapshot = store.snapshot({ keptBytesMax, onTooLarge });
    let pieces: AsyncGenerator<Uint8Array, void> | undefined;
    const release = () => {
      if (pieces === undefined) return;
      // Drops the generator and all that it refers to, even if it is never read again.
      pieces = undefined;
      snapshot.release();
      this.#running--;
    };
    const giveUp = (why: string) => {
      given.abort(new DuetError("SNAPSHOT_TOO_SLOW", `the snapshot was not read fast enough: ${why}`));
      this.#tooSlow++;
      release();
    };
    let patienceMs = stallMs;
    let stall: NodeJS.Timeout | undefined;
    this.#running++;
    pieces = this.#pieces(snapshot, AbortSignal.any([signal, given.signal]));
    try {
      for (;;) {
        // Undefined after `giveUp`.
        const piece: IteratorResult<Uint8Array, void> | undefined = await pieces?.next();
        given.signal.throwIfAborted();
        if (piece?.done !== false) break;
        const begin = performance.now();
        stall = setTimeout(giveUp, patienceMs, `less than 64 KiB/s for ${stallMs} ms`).unref();
        yield piece.value;
        clearTimeout(stall);
        const { length } = piece.value;
        this.#bytes += length;
        const earnedMs = (length / readRateMin) * 1000;
        patienceMs = Math.min(stallMs, patienceMs - (performance.now() - begin) + earnedMs);
      }
      this.#completed++;
      this.#completedTime = Date.now();
    } finally {
      // Also reached when the reader leaves: that ends the generator at its yield.
      clearTimeout(stall);
      release();
    }
  }

  async *#pieces(snapshot: Snapshot, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
    const encoder = new SnapshotEncoder(Buffer.from(this.#options.storeId, "hex"));
    yield* split(encoder.begin(snapshot.revision, 0));
    const order = await snapshot.byRevision(signal);
    const slice = new Slice();
    let next = order.take();
    while (next !== undefined) {
      const entries = [next];
      for (next = order.take(); next?.revision === entries[0]?.revision; next = order.take()) {
        entries.push(next as Entry);
      }
      const frame = encoder.add(toTransaction(entries));
      if (frame !== undefined) yield* split(frame);
      if (!slice.isOver) continue;
      await slice.giveWay();
      signal.throwIfAborted();
    }
    for (const bytes of encoder.end()) yield* split(bytes);
  }
}

/** Splits into copies, because the encoder reuses its buffer. */
function* split(bytes: Buffer): Generator<Uint8Array, void> {
  for (let start = 0; start < bytes.length; start += pieceBytes) {
    yield new Uint8Array(bytes.subarray(start, start + pieceBytes));
  }
}

/** The transaction of these entries as a compaction would keep it. All have the same revision. */
function toTransaction(entries: readonly Entry[]): Transaction {
  const { revision, updateTime } = entries[0] as Entry;
  const events = entries.map(
    ({ key, value, createRevision, version, expireTime }): PutEvent => ({
      type: "put",
      key,
      value,
      createRevision,
      version,
      expireTime,
    }),
  );
  return { sequence: revision, time: updateTime, events, request: undefined };
}
