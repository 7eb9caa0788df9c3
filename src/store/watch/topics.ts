import { type ChangeSet, createChangeSet } from "../change-set.ts";
import type { Change } from "../store.ts";
import { PrefixIndex } from "./prefix-index.ts";
import { partsOf, type Selector } from "./selector.ts";

/** The changes of `set` that match: `set` itself when all match, undefined when none do. */
export function select(matches: (key: string) => boolean, set: ChangeSet): ChangeSet | undefined {
  return narrow(
    set,
    set.changes.filter(({ key }) => matches(key)),
  );
}

function narrow(set: ChangeSet, changes: readonly Change[]): ChangeSet | undefined {
  if (changes.length === 0) return undefined;
  if (changes.length === set.changes.length) return set;
  return createChangeSet(set.revision, set.time, changes, set.previousValues);
}

/** The subscribers of one selector. */
interface Topic<Subscriber> {
  readonly subscribers: Set<Subscriber>;
}

/**
 * Finds the subscribers of a key: one lookup by the key and one for each length that a watched prefix has, however
 * many subscribers there are. Subscribers with the same selector share one filtered change set.
 */
export class WatchTopics<Subscriber> {
  /** Topics by their selector as JSON. */
  readonly #topics = new Map<string, Topic<Subscriber>>();
  readonly #byKey = new Map<string, Set<Topic<Subscriber>>>();
  readonly #byPrefix = new PrefixIndex<Topic<Subscriber>>();

  /** Whether there are no subscribers. */
  get empty(): boolean {
    return this.#topics.size === 0;
  }

  /** A subscriber must not be added twice. */
  add(selector: Selector, subscriber: Subscriber): void {
    const name = JSON.stringify(selector);
    let topic = this.#topics.get(name);
    if (topic === undefined) {
      topic = { subscribers: new Set() };
      this.#topics.set(name, topic);
      const { keys, prefixes } = partsOf(selector);
      for (const key of keys) addTo(this.#byKey, key, topic);
      for (const prefix of prefixes) this.#byPrefix.add(prefix, topic);
    }
    topic.subscribers.add(subscriber);
  }

  delete(selector: Selector, subscriber: Subscriber): void {
    const name = JSON.stringify(selector);
    const topic = this.#topics.get(name);
    if (!topic?.subscribers.delete(subscriber) || topic.subscribers.size > 0) return;
    this.#topics.delete(name);
    const { keys, prefixes } = partsOf(selector);
    for (const key of keys) deleteFrom(this.#byKey, key, topic);
    for (const prefix of prefixes) this.#byPrefix.delete(prefix, topic);
  }

  /** Calls `deliver` once for each subscriber of a changed key, with the changes that it selects. */
  publish(set: ChangeSet, deliver: (subscriber: Subscriber, set: ChangeSet) => void): void {
    const interested = new Map<Topic<Subscriber>, Change[]>();
    for (const change of set.changes) {
      for (const topic of this.#topicsOf(change.key)) {
        const changes = interested.get(topic);
        if (changes === undefined) interested.set(topic, [change]);
        else changes.push(change);
      }
    }
    for (const [topic, changes] of interested) {
      const narrowed = narrow(set, changes) as ChangeSet;
      for (const subscriber of topic.subscribers) deliver(subscriber, narrowed);
    }
  }

  /** Yields each topic once, because the parts of a selector do not overlap. */
  *#topicsOf(key: string): Generator<Topic<Subscriber>, void> {
    const topics = this.#byKey.get(key);
    if (topics !== undefined) yield* topics;
    yield* this.#byPrefix.matching(key);
  }
}

function addTo<Item>(index: Map<string, Set<Item>>, name: string, item: Item): void {
  const items = index.get(name);
  if (items === undefined) index.set(name, new Set([item]));
  else items.add(item);
}

function deleteFrom<Item>(index: Map<string, Set<Item>>, name: string, item: Item): void {
  const items = index.get(name);
  items?.delete(item);
  if (items?.size === 0) index.delete(name);
}
