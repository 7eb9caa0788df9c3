import { expect } from "vitest";
import { createEntry, type Entry } from "../../../src/store/entry.ts";
import { createMatcher, type Selector } from "../../../src/store/watch/selector.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { expectSame } from "../../support/same.ts";
import { compareUtf8 } from "../unicode-keys.ts";

/** One change, whatever it was watched by. */
export interface SeenEvent {
  readonly key: string;
  /** undefined: deleted. */
  readonly entry: Entry | undefined;
  /** undefined: there was none, or it was not asked for. */
  readonly previous: Entry | undefined;
  readonly expired: boolean;
}

/** One message, whatever it came by. */
export interface SeenMessage {
  readonly revision: number;
  readonly resumeRevision: number | undefined;
  readonly events: readonly SeenEvent[];
  readonly existing: readonly Entry[];
  readonly existingEnd: boolean;
}

/** One connection of a watcher, from its first message on. */
export interface Session {
  readonly startRevision: number | undefined;
  readonly includeExisting: boolean;
  readonly messages: SeenMessage[];
}

export interface SeenBy {
  readonly selector: Selector;
  /** Whether entries before the change were asked for. */
  readonly previous: boolean;
  readonly sessions: readonly Session[];
}

/** What really happened: every transaction, and by it the state at every revision. */
export class Truth {
  readonly #transactions: Transaction[] = [];
  readonly #histories = new Map<string, { readonly revision: number; readonly entry: Entry | undefined }[]>();

  get revision(): number {
    return this.#transactions.length;
  }

  add(transaction: Transaction): void {
    expect(transaction.sequence, "transactions are numbered without gaps").toBe(this.revision + 1);
    this.#transactions.push(transaction);
    for (const event of transaction.events) {
      const history = this.#histories.get(event.key) ?? [];
      this.#histories.set(event.key, history);
      const revision = transaction.sequence;
      if (event.type === "delete") {
        history.push({ revision, entry: undefined });
      } else if (event.type === "put") {
        history.push({ revision, entry: createEntry(transaction, event, undefined) });
      }
    }
  }

  entryAt(key: string, revision: number): Entry | undefined {
    return this.#histories.get(key)?.findLast((change) => change.revision <= revision)?.entry;
  }

  entriesAt(selector: Selector, revision: number): Entry[] {
    return [...this.#histories.keys()]
      .filter((key) => createMatcher(selector)(key))
      .map((key) => this.entryAt(key, revision))
      .filter((entry) => entry !== undefined)
      .toSorted((a, b) => compareUtf8(a.key, b.key));
  }

  /** What of a transaction a watcher must see. */
  eventsAt(selector: Selector, revision: number, previous: boolean): SeenEvent[] {
    const { events } = this.#transactions[revision - 1] as Transaction;
    return events
      .filter(({ key }) => createMatcher(selector)(key))
      .map((event) => ({
        key: event.key,
        entry: event.type === "put" ? this.entryAt(event.key, revision) : undefined,
        previous: previous ? this.entryAt(event.key, revision - 1) : undefined,
        expired: event.type === "delete" && event.expired,
      }));
  }
}

/**
 * Asserts what a watch promises: ordered, unique, reliable, atomic, resumable, bookmarkable; and returns the revision up
 * to which the watcher knows everything. A session that follows another must begin where that one said.
 */
export function expectFaithful(truth: Truth, { selector, previous, sessions }: SeenBy): number {
  let known: number | undefined;
  for (const session of sessions) {
    // Where a client of ours that has lost its place begins anew, and where it goes on otherwise.
    if (session.startRevision !== undefined && known !== undefined) {
      expect(session.startRevision, "goes on where it was").toBe(known);
    }
    known = expectFaithfulSession(truth, selector, previous, session) ?? known;
  }
  return known ?? 0;
}

/** The revision from which the session can be resumed; undefined when it cannot. */
function expectFaithfulSession(
  truth: Truth,
  selector: Selector,
  previous: boolean,
  { startRevision, includeExisting, messages }: Session,
): number | undefined {
  const [first, ...later] = messages;
  if (first === undefined) return undefined;
  expect(first.events, "the first message comes before any change").toEqual([]);
  expect(first.existing).toEqual([]);
  expect(first.resumeRevision).toBe(includeExisting ? undefined : (startRevision ?? first.revision));

  let existing: Entry[] | undefined = includeExisting ? [] : undefined;
  let known = first.resumeRevision;
  for (const message of later) {
    const { revision, resumeRevision, events } = message;
    if (existing !== undefined) {
      expect(revision, "existing entries are of one revision").toBe(first.revision);
      expect(events).toEqual([]);
      existing.push(...message.existing);
      expect(resumeRevision).toBe(message.existingEnd ? revision : undefined);
      if (message.existingEnd) {
        expectSame(existing, truth.entriesAt(selector, revision));
        existing = undefined;
        known = revision;
      }
      continue;
    }
    const from = known as number;
    expectSame([message.existing, message.existingEnd], [[], false]);
    if (events.length === 0) {
      expect(resumeRevision, "a heartbeat does not go back").toBeGreaterThanOrEqual(from);
    } else {
      if (revision <= from) expect.fail(`each change once, and in order: ${revision} after ${from}`);
      expectSame(resumeRevision, revision);
      expectSame(events, truth.eventsAt(selector, revision, previous));
    }
    const upTo = events.length === 0 ? Math.min(resumeRevision as number, truth.revision) : revision - 1;
    for (let skipped = from + 1; skipped <= upTo; skipped++) {
      if (truth.eventsAt(selector, skipped, false).length > 0) expect.fail(`revision ${skipped} was lost`);
    }
    known = resumeRevision;
  }
  return known;
}
