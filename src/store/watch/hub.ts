import { setImmediate as nextTurn } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { type ChangeSet, forWatchers, withoutPrevious } from "../change-set.ts";
import type { Entry } from "../entry.ts";
import { type History, revisionCompacted } from "../history.ts";
import type { Snapshot } from "../snapshot.ts";
import type { ReadonlyStore } from "../store.ts";
import { WatchBytes, type WatchEnd, type WatchFailure, WatchQueue } from "./queue.ts";
import { createMatcher, rangesOf, type Selector, selectorBytes } from "./selector.ts";
import { select, WatchTopics } from "./topics.ts";
import { LiveWatch, Watch, type WatchMessage } from "./watch.ts";

export interface WatchOptions {
  readonly selector: Selector;
  /**
   * The watch delivers every change after this revision, which may be in the future. undefined: every change from now
   * on.
   */
  readonly startRevision: number | undefined;
  /** Deliver the entries that match now before the changes. Not together with startRevision. */
  readonly includeExisting: boolean;
  /** Change sets include `previous` entries. */
  readonly previous: boolean;
}

type WatchLimits = Pick<
  Limits,
  "watchQueueBytesMax" | "watchQueuesBytesMax" | "pageEntriesMax" | "pageBytesMax"
>;

const push = (queue: WatchQueue, selected: ChangeSet) => queue.push(selected);

/** The most watches that read existing entries at the same time: each write looks at the snapshot of each. */
const snapshotsMax = 1000;

/** How long a watch may take to read existing entries, in milliseconds; see `SnapshotBounds.msMax`. */
const existingMsMax = 600_000;

/** The number of transactions of the history that are read before a yield to the event loop. */
const historySlice = 1000;

/**
 * Delivers changes to watchers: in revision order, each change once, a transaction never split. A watch that starts
 * in the past first reads the history at its own pace and then subscribes to live changes.
 */
export class WatchHub {
  readonly #store: ReadonlyStore;
  readonly #limits: WatchLimits;
  readonly #history: History;
  readonly #topics = new WatchTopics<WatchQueue>();
  readonly #topicsWithPrevious = new WatchTopics<WatchQueue>();
  readonly #queues = new Set<WatchQueue>();
  readonly #watchBytes = new WatchBytes();
  /** Of the watches whose readers have yet to receive existing entries. */
  readonly #snapshots = new Set<Snapshot>();
  #checking = false;
  readonly #heartbeat: NodeJS.Timeout;
  #closed: DuetError | undefined;
  readonly #sent = { events: 0 };
  /** Watches that have ended, by reason. */
  readonly ended = new Map<WatchEnd, number>();

  /** A watcher without changes receives a message with the current revision every `heartbeatMs`. */
  constructor(store: ReadonlyStore, history: History, limits: WatchLimits, heartbeatMs: number) {
    this.#store = store;
    this.#history = history;
    this.#limits = limits;
    this.#heartbeat = setInterval(() => {
      for (const queue of this.#queues) queue.wake();
    }, heartbeatMs).unref();
  }

  /** The number of open watches. */
  get watchers(): number {
    return this.#queues.size;
  }

  /** Changes and existing entries that watchers were given. */
  get sentEvents(): number {
    return this.#sent.events;
  }

  /** What waits for watchers, what their snapshots keep, and what they select. */
  get queueBytes(): number {
    return this.#watchBytes.total;
  }

  /** How many revisions the slowest watcher is behind the store. */
  get lagRevisions(): number {
    const { revision } = this.#store;
    let lag = 0;
    for (const { oldestRevision = revision + 1 } of this.#queues)
      lag = Math.max(lag, revision + 1 - oldestRevision);
    return lag;
  }

  /** Must be called once for each transaction, in order, after the store has applied it and the history holds it. */
  publish(transaction: ChangeSet): void {
    if (this.#queues.size === 0) return;
    const set = forWatchers(transaction);
    this.#topicsWithPrevious.publish(set, push);
    // Do not keep `previous` entries in memory for watchers that do not want them.
    if (!this.#topics.empty) this.#topics.publish(withoutPrevious(set), push);
    if (this.#checking || this.#watchBytes.total <= this.#limits.watchQueuesBytesMax) return;
    // As in `WatchQueue`: let readers run first, before one of them counts as too slow.
    this.#checking = true;
    setImmediate(() => {
      this.#checking = false;
      this.#cutOffSlowest();
    });
  }

  /** Ends the watches with the longest queues until the rest is within the limit. */
  #cutOffSlowest(): void {
    const { watchQueuesBytesMax } = this.#limits;
    if (this.#watchBytes.total <= watchQueuesBytesMax) return;
    for (const queue of [...this.#queues].toSorted((a, b) => b.bytes - a.bytes)) {
      queue.end("too-slow");
      if (this.#watchBytes.total <= watchQueuesBytesMax) return;
    }
  }

  /**
   * Opens a watch. The first message comes at once and carries the store's revision. The generator returns when the
   * signal is aborted.
   *
   * Throws REVISION_COMPACTED when the history does not reach back to startRevision, OVERLOADED when the keys and
   * prefixes of all watches exceed their limit or too many watches read existing entries, WATCHER_TOO_SLOW when the reader
   * is too slow, and the error that `close` was given. The last two carry the revision to resume from.
   */
  watch(options: WatchOptions, signal: AbortSignal): Watch {
    return new Watch(this.#open(options, signal));
  }

  /** Subscribes, and delivers what comes before the changes that are still to happen. */
  async *#open(options: WatchOptions, signal: AbortSignal): AsyncGenerator<WatchMessage, LiveWatch> {
    const { selector, startRevision, includeExisting } = options;
    const topics = options.previous ? this.#topicsWithPrevious : this.#topics;
    const { revision } = this.#store;
    if (startRevision !== undefined && startRevision < this.#history.oldest) {
      throw revisionCompacted(this.#history.oldest);
    }
    const bytes = selectorBytes(selector);
    this.#assertRoom(bytes);
    const snapshot = includeExisting ? this.#takeSnapshot(selector, () => queue) : undefined;
    const cancel = () => queue.end(signal.reason instanceof DuetError ? "dismissed" : "canceled");
    const queue = new WatchQueue(this.#limits.watchQueueBytesMax, this.#watchBytes, () => {
      // Released here rather than at the end of the generator: a generator that is no longer read may never get
      // there.
      this.#queues.delete(queue);
      const end = queue.ended as WatchEnd;
      this.ended.set(end, (this.ended.get(end) ?? 0) + 1);
      this.#watchBytes.addSelector(-bytes);
      topics.delete(selector, queue);
      if (snapshot !== undefined) this.#release(snapshot);
      signal.removeEventListener("abort", cancel);
    });
    this.#queues.add(queue);
    this.#watchBytes.addSelector(bytes);
    const subscribe = () => {
      if (queue.ended === undefined) topics.add(selector, queue);
    };
    signal.addEventListener("abort", cancel);
    if (signal.aborted) cancel();
    if (this.#closed !== undefined) queue.end("closed");
    let isOpen = false;
    try {
      let resumeRevision = startRevision ?? revision;
      const past = startRevision !== undefined && startRevision < revision;
      if (!past) subscribe();
      yield includeExisting ? { revision } : { revision, resumeRevision };
      if (past) resumeRevision = yield* this.#past(selector, startRevision, queue, subscribe);
      if (snapshot !== undefined) resumeRevision = yield* this.#existing(selector, snapshot, queue);
      isOpen = true;
      const endError = (end: WatchFailure, lastRevision: number) => this.#endError(end, signal, lastRevision);
      return new LiveWatch({ queue, store: this.#store, resumeRevision, endError, sent: this.#sent });
    } finally {
      if (!isOpen) cancel();
    }
  }

  #takeSnapshot(selector: Selector, queue: () => WatchQueue): Snapshot {
    if (this.#snapshots.size >= snapshotsMax) {
      const message = `${snapshotsMax} watches are reading existing entries already; try again later`;
      throw new DuetError("OVERLOADED", message);
    }
    const snapshot = this.#store.snapshot({
      selects: createMatcher(selector),
      keptBytesMax: this.#limits.watchQueueBytesMax,
      msMax: existingMsMax,
      onTooLarge: () => queue().end("too-slow"),
      onKept: (entry) => queue().keep(entry),
      onLeft: (entry) => queue().leave(entry),
    });
    this.#snapshots.add(snapshot);
    return snapshot;
  }

  #release(snapshot: Snapshot): void {
    this.#snapshots.delete(snapshot);
    snapshot.release();
  }

  /** Keeps half of the limit for queued changes: many watched keys must not end the watches of other clients. */
  #assertRoom(bytes: number): void {
    const { watchQueuesBytesMax } = this.#limits;
    if (this.#watchBytes.selectors + bytes <= watchQueuesBytesMax / 2) return;
    throw new DuetError(
      "OVERLOADED",
      `the keys and prefixes of all watches take ${this.#watchBytes.selectors} bytes, this watch needs ${bytes} more; ` +
        `the limit is ${Math.floor(watchQueuesBytesMax / 2)}, half of --watch-queues-bytes-max. Try again later`,
    );
  }

  /** Ends every watch, including later ones, with `reason`. Only the first call counts. */
  close(reason = new DuetError("SHUTTING_DOWN", "the server is shutting down")): void {
    this.#closed ??= reason;
    clearInterval(this.#heartbeat);
    for (const queue of this.#queues) queue.end("closed");
  }

  #endError(end: WatchFailure, signal: AbortSignal, lastRevision: number): DuetError {
    const causes = { closed: this.#closed, dismissed: signal.reason as DuetError, "too-slow": undefined };
    const { reason, message } =
      causes[end] ?? new DuetError("WATCHER_TOO_SLOW", "the reader is too slow to keep up with the changes");
    return new DuetError(reason, message, { metadata: { last_revision: String(lastRevision) } });
  }

  /** Delivers the history after `revision`, subscribes at its end, and returns the revision of that end. */
  async *#past(
    selector: Selector,
    revision: number,
    queue: WatchQueue,
    subscribe: () => void,
  ): AsyncGenerator<WatchMessage, number> {
    const matches = createMatcher(selector);
    let resumeRevision = revision;
    for (let read = 1; resumeRevision < this.#store.revision && queue.ended === undefined; read++) {
      const set = this.#history.at(resumeRevision + 1);
      if (set === undefined) {
        queue.end("too-slow");
        break;
      }
      resumeRevision = set.revision;
      const selected = select(matches, forWatchers(set));
      if (selected !== undefined) {
        this.#sent.events += selected.changes.length;
        yield { revision: resumeRevision, resumeRevision, set: selected };
      }
      if (read % historySlice === 0) await nextTurn();
    }
    // Subscribe in the same turn of the event loop. Otherwise a transaction could be published in between and be
    // missed.
    subscribe();
    return resumeRevision;
  }

  /** Delivers the entries of the snapshot in pages, then the end mark. Returns the snapshot's revision. */
  async *#existing(
    selector: Selector,
    snapshot: Snapshot,
    queue: WatchQueue,
  ): AsyncGenerator<WatchMessage, number> {
    const { revision } = snapshot;
    // When the queue has ended, the snapshot is released and must not be read.
    if (queue.ended !== undefined) return 0;
    let page: Entry[] = [];
    let bytes = 0;
    let isIdle = true;
    for (const entry of existing(selector, snapshot)) {
      if (entry === undefined) {
        // Nothing was found since the last pause, and many such slices may follow.
        if (isIdle) await nextTurn();
        if (queue.ended !== undefined) return 0;
        isIdle = true;
        continue;
      }
      isIdle = false;
      bytes += entry.bytes;
      const { pageEntriesMax, pageBytesMax } = this.#limits;
      if (page.length === pageEntriesMax || (page.length > 0 && bytes > pageBytesMax)) {
        this.#sent.events += page.length;
        yield { revision, existing: page };
        if (queue.ended !== undefined) return 0;
        page = [];
        bytes = entry.bytes;
      }
      page.push(entry);
    }
    this.#sent.events += page.length;
    if (page.length > 0) yield { revision, existing: page };
    if (queue.ended !== undefined) return 0;
    this.#release(snapshot);
    yield { revision, resumeRevision: revision, existingEnd: true };
    return revision;
  }
}

/** The selected entries; undefined where others may have their turn. */
function* existing(selector: Selector, snapshot: Snapshot): Generator<Entry | undefined, void> {
  if ("key" in selector) yield snapshot.get(selector.key);
  else for (const range of rangesOf(selector)) yield* snapshot.scan(range);
}
