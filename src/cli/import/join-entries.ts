import { usageFailure } from "../failure.ts";
import type { EntryContent } from "./entry-content.ts";

export interface Pair {
  readonly key: string;
  readonly source: EntryContent | undefined;
  readonly target: EntryContent | undefined;
}

/**
 * Pairs the entries of two sources by key, both in key order. Throws CommandFailure when the first is not in order.
 */
export async function* joinEntries(
  source: AsyncIterable<readonly [key: string, entry: EntryContent]>,
  target: AsyncIterable<EntryContent>,
): AsyncGenerator<Pair, void, undefined> {
  const targets = target[Symbol.asyncIterator]();
  let next = await targets.next();
  let last: string | undefined;
  for await (const [key, entry] of source) {
    if (last !== undefined && compareKeys(last, key) >= 0) {
      throw usageFailure("the entries are not in key order", "Import the output of `duetkv export`.");
    }
    last = key;
    for (; next.done !== true && compareKeys(next.value.key, key) < 0; next = await targets.next()) {
      yield { key: next.value.key, source: undefined, target: next.value };
    }
    if (next.done !== true && next.value.key === key) {
      yield { key, source: entry, target: next.value };
      next = await targets.next();
    } else yield { key, source: entry, target: undefined };
  }
  for (; next.done !== true; next = await targets.next()) {
    yield { key: next.value.key, source: undefined, target: next.value };
  }
}

/**
 * Compares keys in the store's order, that of UTF-8 bytes. It differs from the order of strings only beyond U+D7FF.
 */
function compareKeys(one: string, other: string): number {
  if (one === other) return 0;
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
