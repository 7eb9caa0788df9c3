import { fileHeaderBytes } from "../format/file-header.ts";
import type { LogDirectory } from "../log-directory.ts";
import type { Boundary, Snapshot } from "./compaction.ts";
import type { LogBytes } from "./disk-space.ts";
import { LogReader, type ReadableFile } from "./log-reader.ts";
import type { ActiveSegment } from "./segment.ts";

/** A segment with an end frame. */
export interface SealedSegment {
  readonly name: string;
  readonly firstSequence: number;
  /** The checksum of the last frame before it. */
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

/** The files of an open log, in order: at most one snapshot, sealed segments, and the active segment. */
export class LogFiles {
  readonly directory: LogDirectory;
  readonly logId: Buffer;
  #snapshot: Snapshot | undefined;
  /** Replaced, never modified, so that a reader can detect a change. */
  #sealed: readonly SealedSegment[];
  #active: ActiveSegment;
  /** Bytes of the segments that the last compaction did not read. */
  #carriedBytes = 0;
  /** The newest durable sequence. */
  lastSequence: number;
  /** The checksum of the last frame with transactions. */
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

  /** The bytes in use, without preallocated space. */
  get bytes(): number {
    let bytes = this.#active.offset + (this.#snapshot?.bytes ?? 0);
    for (const segment of this.#sealed) bytes += segment.bytes;
    return bytes;
  }

  /** The bytes in use, without the file headers of segments. */
  get logBytes(): LogBytes {
    const snapshot = this.#snapshot?.bytes ?? 0;
    const total = this.bytes - this.segments * fileHeaderBytes;
    return { total, snapshot, appended: total - snapshot - this.#carriedBytes };
  }

  get segments(): number {
    return this.#sealed.length + 1;
  }

  /** Seals the active segment, which has its end frame; `next` becomes the active one. */
  rotated(next: ActiveSegment): void {
    const { name, firstSequence, previousChecksum, offset } = this.#active;
    this.#sealed = [...this.#sealed, { name, firstSequence, previousChecksum, bytes: offset }];
    this.#active = next;
  }

  /** The boundary of a compaction up to `horizon`, which must not be in the active segment. */
  boundaryAfter(horizon: number): Boundary {
    const after = [...this.#sealed, { ...this.#active, bytes: this.#active.offset }].filter(
      ({ firstSequence }) => firstSequence > horizon,
    );
    const [{ firstSequence, previousChecksum }] = after as [SealedSegment];
    const bytesAfter = after.reduce((sum, { bytes }) => sum + bytes - fileHeaderBytes, 0);
    return { last: firstSequence - 1, checksum: previousChecksum, bytesAfter };
  }

  /** Replaces all files before the boundary by the snapshot. */
  compacted(snapshot: Snapshot, { last, bytesAfter }: Boundary): void {
    this.#snapshot = snapshot;
    this.#sealed = this.#sealed.filter(({ firstSequence }) => firstSequence > last);
    this.#carriedBytes = bytesAfter;
  }

  /** The files that are never written again, without segments that begin after `last`. */
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

  /** Opens the files with the transactions after `after`, up to the newest durable one. */
  async openReader(after: number): Promise<LogReader> {
    for (;;) {
      const sealed = this.#sealed;
      const { name, firstSequence: sequence, offset: endOffset } = this.#active;
      const files: ReadableFile[] = [...this.sealed(), { name, kind: "segment", sequence, endOffset }];
      const first = files.findLastIndex((file) => file.kind === "segment" && file.sequence <= after + 1);
      try {
        return await LogReader.open(this.directory, this.logId, files.slice(Math.max(first, 0)));
      } catch (error) {
        // A compaction has just removed some of them.
        if (sealed === this.#sealed) throw error;
      }
    }
  }
}
