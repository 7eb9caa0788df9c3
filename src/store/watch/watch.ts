import type { ChangeSet } from "../change-set.ts";
import type { Entry } from "../entry.ts";
import type { WatchFailure, WatchQueue } from "./queue.ts";

/** One message to a watcher. All that matches up to `resumeRevision`, if it is there, has been delivered with it. */
export interface WatchMessage {
  readonly revision: number;
  readonly resumeRevision?: number;
  readonly set?: ChangeSet;
  readonly existing?: readonly Entry[];
  readonly existingEnd?: boolean;
}

export interface LiveWatchOptions {
  readonly queue: WatchQueue;
  readonly store: { readonly revision: number };
  /** Everything up to this revision has been delivered. */
  readonly resumeRevision: number;
  /** Counts the changes that readers were given. */
  readonly sent: { events: number };
  /** The error of a watch that was ended, and whose reader got everything up to `lastRevision`. */
  readonly endError: (end: WatchFailure, lastRevision: number) => Error;
}

/** The part of a watch that receives live changes. */
export class LiveWatch {
  readonly #options: LiveWatchOptions;
  #resumeRevision: number;

  constructor(options: LiveWatchOptions) {
    this.#options = options;
    this.#resumeRevision = options.resumeRevision;
  }

  ready(): WatchMessage | undefined {
    const { queue, sent } = this.#options;
    for (let set = queue.take(); set !== undefined; set = queue.take()) {
      // A watch may start at a future revision. Skip the changes up to it.
      if (set.revision <= this.#resumeRevision) continue;
      this.#resumeRevision = set.revision;
      sent.events += set.changes.length;
      return { revision: set.revision, resumeRevision: set.revision, set };
    }
    return undefined;
  }

  /** Waits for a change or a heartbeat; undefined when the watch was canceled. */
  async next(): Promise<WatchMessage | undefined> {
    const { queue, store, endError } = this.#options;
    for (;;) {
      await queue.wait();
      if (queue.ended === "canceled") return undefined;
      if (queue.ended !== undefined) throw endError(queue.ended, this.#resumeRevision);
      if (queue.isEmpty) {
        this.#resumeRevision = Math.max(this.#resumeRevision, store.revision);
        return { revision: store.revision, resumeRevision: this.#resumeRevision };
      }
      const message = this.ready();
      if (message !== undefined) return message;
    }
  }

  end(): void {
    this.#options.queue.end("canceled");
  }
}

/**
 * The messages of one watch, for one reader. The first ones come from a generator, the later ones do not: with many
 * watchers, each generator that a message passes through costs as much as all the rest.
 */
export class Watch implements AsyncIterableIterator<WatchMessage, void> {
  readonly #opening: AsyncGenerator<WatchMessage, LiveWatch>;
  #live: LiveWatch | undefined = undefined;

  /** `opening` yields the first messages and returns the live watch that follows. */
  constructor(opening: AsyncGenerator<WatchMessage, LiveWatch>) {
    this.#opening = opening;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** The next message, if it is there already: without the cost of a promise. Undefined: ask `next`. */
  ready(): WatchMessage | undefined {
    return this.#live?.ready();
  }

  async next(): Promise<IteratorResult<WatchMessage, void>> {
    if (this.#live === undefined) {
      const opened = await this.#opening.next();
      if (opened.done !== true) return opened;
      this.#live = opened.value;
    }
    const value = await this.#live?.next();
    return value === undefined ? { done: true, value } : { done: false, value };
  }

  async return(): Promise<IteratorResult<WatchMessage, void>> {
    if (this.#live === undefined) await this.#opening.return(undefined as never);
    else this.#live.end();
    return { done: true, value: undefined };
  }
}
