import { fileHeaderBytes } from "../format/file-header.ts";
import type { LogDirectory } from "../log-directory.ts";
import type { Boundary, Snapshot } from "./compaction.ts";
import type { LogBytes } from "./disk-space.ts";
import { LogReader, type ReadableFile } from "./log-reader.ts";
import type { ActiveSegment } from "./segment.ts";

/** A segment that ends in an end frame. */
export interface SealedSegment {
  readonly name: string;
  readonly firstSequence: number;
  /** Of the last frame before it. */
  readonly previousChecksum: number;
  readonly bytes: number;
}

export interface LogFilesState {
  readonly directory: LogDirectory;
  readonly logId: Buffer;
  readonly snapshot: Snapshot | undefined;
  readonly sealed: readonly SealedSegment[];
  readonly active: ActiveSegment;
  readonly lastSequence: number;
  readonly lastChecksum: number;
}

/** The files of an open log, in order: at most one snapshot, sealed segments, and the one that takes appends. */
export class LogFiles {
  readonly directory: LogDirectory;
  readonly logId: Buffer;
  #snapshot: Snapshot | undefined;
  /** Replaced, never changed, so that a reader can tell. */
  #sealed: readonly SealedSegment[];
  #active: ActiveSegment;
  /** Bytes of segments that the last compaction did not read. */
  #carriedBytes = 0;
  /** The newest durable one. */
  lastSequence: number;
  /** Of the last frame that holds transactions. */
  lastChecksum: number;

  constructor(state: LogFilesState) {
    this.directory = state.directory;
    this.logId = state.logId;
    this.#snapshot = state.snapshot;
    this.#sealed = state.sealed;
    this.#active = state.active;
    this.lastSequence = state.lastSequence;
    this.lastChecksum = state.lastChecksum;
  }

  get active(): ActiveSegment {
    return this.#active;
  }

  get horizon(): number {
    return this.#snapshot?.horizon ?? 0;
  }

  /** Bytes in use, without what is allocated ahead. */
  get bytes(): number {
    let bytes = this.#active.offset + (this.#snapshot?.bytes ?? 0);
    for (const segment of this.#sealed) bytes += segment.bytes;
    return bytes;
  }

  /** The same bytes, without the headers of segments. */
  get logBytes(): LogBytes {
    const snapshot = this.#snapshot?.bytes ?? 0;
    const total = this.bytes - this.segments * fileHeaderBytes;
    return { total, snapshot, appended: total - snapshot - this.#carriedBytes };
  }

  get segments(): number {
    return this.#sealed.length + 1;
  }

  /** The active segment has its end frame, and `next` takes appends from now on. */
  rotated(next: ActiveSegment): void {
    const { name, firstSequence, previousChecksum, offset } = this.#active;
    this.#sealed = [...this.#sealed, { name, firstSequence, previousChecksum, bytes: offset }];
    this.#active = next;
  }

  /** Where a compaction up to `horizon`, which is not in the active segment, has to stop. */
  boundaryAfter(horizon: number): Boundary {
    const after = [...this.#sealed, { ...this.#active, bytes: this.#active.offset }].filter(
      ({ firstSequence }) => firstSequence > horizon,
    );
    const [{ firstSequence, previousChecksum }] = after as [SealedSegment];
    const bytesAfter = after.reduce((sum, { bytes }) => sum + bytes - fileHeaderBytes, 0);
    return { last: firstSequence - 1, checksum: previousChecksum, bytesAfter };
  }

  /** The snapshot replaces all files before the boundary. */
  compacted(snapshot: Snapshot, { last, bytesAfter }: Boundary): void {
    this.#snapshot = snapshot;
    this.#sealed = this.#sealed.filter(({ firstSequence }) => firstSequence > last);
    this.#carriedBytes = bytesAfter;
  }

  /** The files that are never written to again, without segments that begin after `last`. */
  sealed(last = Number.POSITIVE_INFINITY): ReadableFile[] {
    const endOffset = undefined;
    const files: ReadableFile[] = this.#sealed
      .filter(({ firstSequence }) => firstSequence <= last)
      .map(({ name, firstSequence: sequence }) => ({ name, kind: "segment", sequence, endOffset }));
    const snapshot = this.#snapshot;
    if (snapshot)
      files.unshift({ name: snapshot.name, kind: "snapshot", sequence: snapshot.horizon, endOffset });
    return files;
  }

  /** Opens the files that hold what came after `after`, up to what is durable now. */
  async openReader(after: number): Promise<LogReader> {
    for (;;) {
      const sealed = this.#sealed;
      const { name, firstSequence: sequence, offset: endOffset } = this.#active;
      const files: ReadableFile[] = [...this.sealed(), { name, kind: "segment", sequence, endOffset }];
      const first = files.findLastIndex((file) => file.kind === "segment" && file.sequence <= after + 1);
      try {
        return await LogReader.open(this.directory, this.logId, files.slice(Math.max(first, 0)));
      } catch (error) {
        // A compaction ended in between and took them away.
        if (sealed === this.#sealed) throw error;
      }
    }
  }
}
