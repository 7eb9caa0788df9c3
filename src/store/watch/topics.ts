import type { Change } from "../store.ts";
import type { ChangeSet } from "./history.ts";
import { createChangeSet } from "./history.ts";

/** One key, or all keys that begin with a prefix. */
export type Selector = { readonly key: string } | { readonly prefix: string };

export function selects(selector: Selector, key: string): boolean {
  return "key" in selector ? key === selector.key : key.startsWith(selector.prefix);
}

/** What of `set` the selector selects: the set itself when that is all, undefined when it is nothing. */
export function select(selector: Selector, set: ChangeSet): ChangeSet | undefined {
  return narrow(
    set,
    set.changes.filter(({ key }) => selects(selector, key)),
  );
}

function narrow(set: ChangeSet, changes: readonly Change[]): ChangeSet | undefined {
  if (changes.length === set.changes.length) return set;
  if (changes.length === 0) return undefined;
  return createChangeSet(set.revision, set.time, changes, set.previousValues);
}

/** All who wait for the same selector. */
interface Topic<Subscriber> {
  readonly selector: Selector;
  readonly subscribers: Set<Subscriber>;
}

/**
 * Who is interested in a key: a look-up by the key and one for each length that a watched prefix has, however many
 * subscribers there are. Subscribers with the same selector share what is narrowed down for them.
 */
export class WatchTopics<Subscriber> {
  readonly #byKey = new Map<string, Topic<Subscriber>>();
  readonly #byPrefix = new Map<string, Topic<Subscriber>>();
  /** How many watched prefixes have this length. */
  readonly #prefixLengths = new Map<number, number>();

  /** Whether nobody subscribes to anything. */
  get empty(): boolean {
    return this.#byKey.size === 0 && this.#byPrefix.size === 0;
  }

  /** The same subscriber must not be added twice. */
  add(selector: Selector, subscriber: Subscriber): void {
    const topics = "key" in selector ? this.#byKey : this.#byPrefix;
    const name = "key" in selector ? selector.key : selector.prefix;
    let topic = topics.get(name);
    if (topic === undefined) {
      topic = { selector, subscribers: new Set() };
      topics.set(name, topic);
      if ("prefix" in selector) this.#countPrefixLength(name.length, 1);
    }
    topic.subscribers.add(subscriber);
  }

  delete(selector: Selector, subscriber: Subscriber): void {
    const topics = "key" in selector ? this.#byKey : this.#byPrefix;
    const name = "key" in selector ? selector.key : selector.prefix;
    const topic = topics.get(name);
    if (!topic?.subscribers.delete(subscriber) || topic.subscribers.size > 0) return;
    topics.delete(name);
    if ("prefix" in selector) this.#countPrefixLength(name.length, -1);
  }

  /** Calls `deliver` once for each interested subscriber, with what it selects. */
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

  *#topicsOf(key: string): Generator<Topic<Subscriber>, void> {
    const topic = this.#byKey.get(key);
    if (topic !== undefined) yield topic;
    for (const length of this.#prefixLengths.keys()) {
      const prefixTopic = length <= key.length ? this.#byPrefix.get(key.slice(0, length)) : undefined;
      if (prefixTopic !== undefined) yield prefixTopic;
    }
  }

  #countPrefixLength(length: number, difference: number): void {
    const count = (this.#prefixLengths.get(length) ?? 0) + difference;
    if (count === 0) this.#prefixLengths.delete(length);
    else this.#prefixLengths.set(length, count);
  }
}
