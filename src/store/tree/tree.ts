import type { RequestId } from "../../transaction-log/codec/request-id.ts";
import type { RequestRecord } from "../../transaction-log/transaction-logger.ts";
import { valueBytes } from "../entry.ts";
import { Allocator } from "../memory/allocator.ts";
import { MemoryFullError } from "../memory/block-map.ts";
import { type Demand, nothing } from "../memory/demand.ts";
import { recordBytes } from "../memory/record-format.ts";
import { type RecordEntry, Records } from "../memory/records.ts";
import { pageBytes } from "../memory/size-classes.ts";
import { noRef, type Ref, type Slabs, wordOf } from "../memory/slabs.ts";
import { fillRecord, writeRecord } from "../memory/write-record.ts";
import type { ByteRange } from "./byte-range.ts";
import { createControl } from "./control.ts";
import { evacuate } from "./evacuation.ts";
import { unknown } from "./hash-index.ts";
import type { ImageSource, ImageState } from "./image/image-state.ts";
import { Indexes } from "./indexes.ts";
import { buildPages } from "./load/build-pages.ts";
import { BulkLoader } from "./load/bulk-loader.ts";
import { levelOf } from "./page-format.ts";
import { Pages } from "./pages.ts";
import type { Pin, PinBounds } from "./pin.ts";
import { Search } from "./search.ts";
import type { SharedTree } from "./shared-reader.ts";
import { TreeView } from "./tree-view.ts";
import { TreeWriter } from "./tree-writer.ts";
import { verifyTree } from "./verify.ts";
import { type VersionOptions, Versions } from "./versions.ts";
import { walkTree } from "./walk.ts";

/** Free blocks that puts leave to removals and to evacuation. */
const spareBlocks = 64;
/** A single change takes a block for its record at most, and one for its pages: a block has 64. */
const changeBlocks = 2;

const everything: ByteRange = { start: new Uint8Array(0), end: undefined };

/** A view that stays readable until it is released, or exceeds its bounds; see `TreeView`. */
export interface TreeSnapshot {
  readonly view: TreeView;
  readonly release: () => void;
}

/** What the tree takes, in bytes unless the name says otherwise. */
export interface TreeUsage {
  /** What is reserved. */
  readonly reservedBytes: number;
  /** What may be reserved. */
  readonly reservedBytesMax: number;
  /** The hash index and the expire times, which are not in the slabs. */
  readonly indexBytes: number;
  /** Pages and records in use, including those that only an older version reaches. */
  readonly liveBytes: number;
  /** Blocks in use. */
  readonly usedBytes: number;
  /** The number of expire times that are kept, also of records that are gone. */
  readonly expiries: number;
  /** The number of pages and records that wait until no reader needs them. */
  readonly retired: number;
  /** Their bytes. */
  readonly retiredBytes: number;
  /** The number of snapshots of the thread that writes. */
  readonly snapshots: number;
  /** The number of published versions since the oldest one that a reader holds. */
  readonly heldVersions: number;
}

/**
 * A copy-on-write B+tree of entries, in the byte order of their keys. One thread writes; see `SharedReader` for others.
 * Changes belong to a version that nobody else sees until `publish`.
 *
 * If the slabs are exhausted, a change throws MemoryFullError before it changes anything. `fits` tells it before a batch.
 */
export class Tree {
  readonly #slabs: Slabs;
  readonly #allocator: Allocator;
  readonly #records: Records;
  readonly #versions: Versions;
  readonly #search: Search;
  readonly #pages: Pages;
  readonly #writer: TreeWriter;
  readonly #indexes: Indexes;
  #root: Ref = noRef;
  /** The record of the last `put` or `overwrite`. */
  #newest: Ref = noRef;
  /** Grows with each change of the tree. */
  #changes = 0;
  /** `#changes` at the last `publish`. */
  #publishedChanges = 0;
  readonly #isExclusive: boolean;

  /** `options` bound the snapshots. */
  constructor(slabs: Slabs, options?: VersionOptions) {
    this.#slabs = slabs;
    this.#isExclusive = options?.isExclusive ?? false;
    this.#allocator = new Allocator(slabs);
    this.#records = new Records(slabs);
    this.#versions = new Versions(createControl(), slabs, this.#allocator, this.#records, options);
    this.#search = new Search(slabs, this.#records);
    this.#pages = new Pages(slabs, this.#allocator, this.#records, this.#versions);
    this.#writer = new TreeWriter(slabs, this.#pages, this.#search);
    const isCurrent = (ref: Ref) => this.#isCurrent(ref);
    this.#indexes = new Indexes(this.#records, this.#allocator, this.#search.key, isCurrent);
  }

  get records(): Records {
    return this.#records;
  }

  /** The number of entries, with the changes of the version under way. */
  get size(): number {
    return this.#indexes.size;
  }

  /** The memory that the entries take, in bytes: see `treeEntryBytes`. */
  get entryBytes(): number {
    return this.#indexes.entryBytes;
  }

  /** The record that the last `put` or `overwrite` wrote. It stays readable until the next change. */
  get newest(): Ref {
    return this.#newest;
  }

  /** The memory that a record of the tree takes, in bytes: see `treeEntryBytes`. */
  bytesOf(ref: Ref): number {
    return this.#indexes.bytesOf(ref);
  }

  get usage(): TreeUsage {
    const { liveBytes, usedBytes } = this.#allocator;
    const { retiredCount: retired, retiredBytes, pinCount: snapshots, heldVersions } = this.#versions;
    const { bytes: reservedBytes, bytesMax: reservedBytesMax } = this.#slabs;
    const { bytes: indexBytes, expiries } = this.#indexes;
    return {
      reservedBytes,
      reservedBytesMax,
      usedBytes,
      liveBytes,
      indexBytes,
      expiries,
      retired,
      retiredBytes,
      snapshots,
      heldVersions,
    };
  }

  /**
   * Whether the changes of a demand are sure to fit into the memory in addition to those of `others`, in whatever order. This
   * stays so until they are made, if no others are, and if `evacuate` gets both demands. Puts leave some memory for removals,
   * which make room.
   */
  fits(demand: Demand, others = nothing): boolean {
    const spare = demand.puts > 0 ? spareBlocks : 0;
    return this.#allocator.hasRoom(demand, demand.blocks(this.#levels, others) + spare, others);
  }

  get shared(): SharedTree {
    return { control: this.#versions.control.buffer as SharedArrayBuffer, slabs: this.#slabs.buffers };
  }

  /** The record of the key with the changes of the version under way; 0 when there is none. */
  find(key: string): Ref {
    this.#search.key.setText(key);
    const ref = this.#indexes.find();
    return ref === unknown ? this.#search.find(this.#root) : ref;
  }

  /** As `find`. The record stays readable until the turn of the event loop ends, whatever is published meanwhile. */
  findForTurn(key: string): Ref {
    this.#versions.keepForTurn();
    return this.find(key);
  }

  /** Grows when the records that `findForTurn` has found may be gone. */
  get readTurns(): number {
    return this.#versions.readTurns;
  }

  /** Grows when a record that `find` has found may be gone, or may have changed. */
  get changes(): number {
    return this.#changes;
  }

  /** See `Versions.expectChanges`. */
  expectChanges(): void {
    this.#versions.expectChanges();
  }

  /** Frees at once what would be freed at the end of the turn. */
  endTurn(): void {
    this.#versions.endTurn();
  }

  get(key: string): RecordEntry | undefined {
    const record = this.find(key);
    return record === noRef ? undefined : this.#records.entry(record, key);
  }

  /**
   * At most `limit` records that have expired at `now` (milliseconds since 1970 UTC), those with the oldest expire time first,
   * with the changes of the version under way.
   */
  expired(now: number, limit: number): readonly Ref[] {
    return this.#indexes.expired(now, limit);
  }

  /**
   * Returns the record before, which stays readable until the next `publish`; 0 when there was none. Throws RangeError for a
   * key that is too long, and MemoryFullError.
   */
  put(entry: RecordEntry): Ref {
    const { key } = this.#search;
    key.setText(entry.key);
    this.#changes++;
    const record = writeRecord(this.#slabs, this.#allocator, key, entry);
    if (!this.#allocator.hasFreeBlock()) {
      this.#allocator.free(record);
      throw noRoomForPages();
    }
    this.#newest = record;
    this.#root = this.#writer.put(this.#root, record);
    const { replaced } = this.#writer;
    if (replaced === noRef) this.#indexes.add(record);
    else {
      this.#indexes.replace(replaced, record);
      this.#versions.retire(replaced);
    }
    return replaced;
  }

  /**
   * Overwrites a record where it lies with an entry of another revision. The record must be what `find` has just returned for the
   * key of the entry. Returns false, and changes nothing, if somebody else may read the record, or if the entry needs another slot.
   */
  overwrite(record: Ref, entry: RecordEntry): boolean {
    const { key } = this.#search;
    const revision = this.#records.revision(record);
    const valueLength = valueBytes(entry.value);
    const bytes = recordBytes(key.length, valueLength, entry.expireTime !== 0);
    // An item of the expire times names its record by ref and revision.
    if (revision === entry.revision || !this.#versions.ownsRecord(revision)) return false;
    if (!this.#allocator.isSlotFor(record, bytes)) return false;
    this.#changes++;
    this.#indexes.willChange(record);
    fillRecord(this.#slabs, record, key, entry, valueLength);
    this.#indexes.hasChanged(record);
    this.#newest = record;
    return true;
  }

  /**
   * Returns the removed record, which stays readable until the next `publish`; 0 when there was none. Throws MemoryFullError.
   */
  remove(key: string): Ref {
    const record = this.find(key);
    if (record === noRef) return noRef;
    if (!this.#allocator.hasFreeBlock()) throw noRoomForPages();
    this.#changes++;
    this.#root = this.#writer.remove(this.#root);
    this.#indexes.remove(record);
    this.#versions.retire(record);
    return record;
  }

  /**
   * Publishes the version under way: all its changes are seen at once by readers that begin later. No record may have a later
   * revision.
   */
  publish(revision: number, time: number): void {
    this.#versions.publish({ root: this.#root, size: this.size, revision, time });
    this.#publishedChanges = this.#changes;
  }

  /** The published version for an image, with a pin; see `snapshot`. */
  imageSource(bounds: PinBounds): ImageSource {
    const pin = this.#pin(bounds);
    const { state, published: version } = this.#versions;
    const { table } = this.#allocator;
    const release = () => this.#versions.release(pin);
    return { slabs: this.#slabs, state, version, table, check: () => pin.check(), release };
  }

  /**
   * Makes this tree, which must be empty, that of an image whose blocks are in the slabs. Throws Error when the blocks do not fit
   * what the image says; the tree must not be used then.
   */
  restore({ state, version, table }: ImageState): void {
    const { root, size, revision, time } = state;
    this.#versions.restore(version, { root, size, revision, time });
    this.#root = root;
    this.#allocator.restore(table, (visit) => {
      if (root === noRef) return;
      walkTree(
        this.#slabs,
        root,
        (page) => visit(page, pageBytes),
        (record) => {
          visit(record, this.#records.bytes(record));
          this.#index(record);
        },
      );
    });
    if (this.size !== size) throw new Error(`the tree has ${this.size} entries instead of ${size}`);
  }

  /** A loader for this tree, which must be empty and is not read meanwhile. `request` gets each request record. */
  loader(
    request: (sequence: number, request: RequestId | RequestRecord) => void,
    eventsMax?: number,
  ): BulkLoader {
    const tree = {
      isEmpty: () => this.#root === noRef,
      find: (ref: Ref) => this.#findKeyOf(ref),
      build: (records: Int32Array) => this.#build(records),
      put: (record: Ref) => this.#loadRecord(record),
      remove: (ref: Ref) => this.#unloadRecord(ref),
      publish: (revision: number, time: number) => this.publish(revision, time),
    };
    return new BulkLoader(this.#slabs, this.#allocator, this.#records, tree, request, eventsMax);
  }

  /** The state with the changes of the version under way. Valid until the next change. */
  view(): TreeView {
    const { revision, time } = this.#versions.state;
    const state = { root: this.#root, size: this.size, revision, time };
    const changes = this.#changes;
    return new TreeView(this.#slabs, this.#records, this.#search, state, () => this.#changes === changes);
  }

  /**
   * The published state. Memory that is retired later cannot be reused before the snapshot is released, or exceeds its bounds
   * when a version is published.
   */
  snapshot(bounds: PinBounds): TreeSnapshot {
    const pin = this.#pin(bounds);
    const isValid = () => {
      pin.check();
      return true;
    };
    const view = new TreeView(this.#slabs, this.#records, this.#search, this.#versions.state, isValid);
    return { view, release: () => this.#versions.release(pin) };
  }

  /**
   * Moves up to `movesMax` records and pages out of sparse blocks, as part of the version under way. Returns the number of
   * moves. Leaves room for `pending`, which `fits` has let pass.
   */
  evacuate(movesMax: number, pending = nothing): number {
    this.#changes++;
    const blocks = pending.blocks(this.#levels) + changeBlocks;
    return evacuate(
      this.#allocator,
      (ref, isPage) => (isPage ? this.#movePage(ref) : this.#moveRecord(ref)),
      movesMax,
      () => this.#allocator.hasRoom(pending, blocks),
    );
  }

  /** Throws when an invariant of the tree or its memory does not hold. Walks everything; for tests and debugging. */
  verify(): void {
    verifyTree({
      slabs: this.#slabs,
      records: this.#records,
      root: this.#root,
      size: this.size,
      allocator: this.#allocator,
      retired: this.#versions.retired(),
    });
    this.#indexes.verify(this.view().refs(everything, false));
  }

  #pin(bounds: PinBounds): Pin {
    if (this.#isExclusive && this.#changes !== this.#publishedChanges) {
      throw new Error("changes must be published before a snapshot: they may have changed published pages");
    }
    return this.#versions.pin(bounds);
  }

  /** Makes pages from below for records in the order of their keys. The tree must be empty. */
  #build(records: Int32Array): void {
    this.#changes++;
    this.#root = buildPages(this.#pages, records, (record) => this.#index(record));
  }

  /** Puts a record, and frees the one before, which nobody reads. */
  #loadRecord(record: Ref): void {
    this.#unloadRecord(record);
    this.#root = this.#writer.put(this.#root, record);
    this.#indexes.add(record);
  }

  /** Removes and frees the record of the key of a record, if there is one. */
  #unloadRecord(ref: Ref): void {
    this.#changes++;
    const record = this.#findKeyOf(ref);
    if (record === noRef) return;
    this.#root = this.#writer.remove(this.#root);
    this.#indexes.remove(record);
    this.#allocator.free(record);
  }

  /** Adds a record that the tree reaches to the indexes. */
  #index(record: Ref): void {
    this.#records.copyKey(record, this.#search.key);
    this.#indexes.add(record);
  }

  /** The record of the key of a record, which becomes the search key. */
  #findKeyOf(ref: Ref): Ref {
    this.#records.copyKey(ref, this.#search.key);
    return this.#search.find(this.#root);
  }

  /** Whether the version under way reaches a record that is in use. */
  #isCurrent(ref: Ref): boolean {
    return this.#findKeyOf(ref) === ref;
  }

  get #levels(): number {
    const root = this.#root;
    return root === noRef ? 0 : levelOf(this.#slabs.wordsOf(root), wordOf(root)) + 1;
  }

  /** False if the version under way does not reach the record, which then waits for readers of an older one. */
  #moveRecord(ref: Ref): boolean {
    if (!this.#isCurrent(ref)) return false;
    const size = this.#allocator.sizeOf(ref);
    const copy = this.#allocator.allocateRecord(size);
    this.#slabs.copy(ref, copy, size);
    this.#root = this.#writer.put(this.#root, copy);
    this.#indexes.replace(ref, copy);
    this.#versions.retire(ref);
    return true;
  }

  /** Moves the page, and copies those on the way to it where others read them. False if the version under way does not reach it. */
  #movePage(ref: Ref): boolean {
    const level = levelOf(this.#slabs.wordsOf(ref), wordOf(ref));
    this.#records.copyKey(this.#pages.least(ref), this.#search.key);
    if (this.#search.findPage(this.#root, level) !== ref) return false;
    this.#root = this.#writer.move(this.#root, level);
    return true;
  }
}

function noRoomForPages(): MemoryFullError {
  return new MemoryFullError("no free block for pages: the memory of the store is exhausted");
}
