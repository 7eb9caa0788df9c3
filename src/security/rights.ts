import { type KeyRange, keyRange, prefixEnd, prefixRange, toOrderKey } from "../database.ts";
import { KeySet } from "./key-set.ts";
import type { KeyRight, ServerRight } from "./right.ts";

/** What a role says of one prefix. */
export interface PrefixRule {
  readonly prefix: string;
  readonly allow: ReadonlySet<KeyRight>;
  readonly deny: ReadonlySet<KeyRight>;
}

/** Keys that a call goes through: those with a prefix, or those from `start` to `end`; all empty: every key. */
export interface Range {
  readonly prefix: string;
  readonly start: string;
  readonly end: string;
  /** Of a list that shows one level: what lies below the level counts as a name alone. */
  readonly delimiter: string;
}

/** What an identity may do. All roles add up; a denial wins over whatever is allowed. */
export class Rights {
  readonly #rules: readonly PrefixRule[];
  readonly #server: ReadonlySet<ServerRight>;
  readonly #keySets = new Map<KeyRight, KeySet>();

  constructor(rules: readonly PrefixRule[], server: ReadonlySet<ServerRight>) {
    this.#rules = rules;
    this.#server = server;
  }

  get rules(): readonly PrefixRule[] {
    return this.#rules;
  }

  get server(): ReadonlySet<ServerRight> {
    return this.#server;
  }

  allowsKey(right: KeyRight, key: string): boolean {
    return this.#keys(right).has(key);
  }

  allowsRange(right: KeyRight, range: Range): boolean {
    const keys = this.#keys(right);
    const { start, end } = toKeyRange(range);
    if (keys.covers({ start, end })) return true;
    // Bounds that the caller chooses would cut what is hidden behind a name, and so tell where its keys lie.
    if (range.delimiter === "" || range.start !== "" || range.end !== "") return false;
    for (const gap of keys.gaps({ start, end })) if (!isBelowLevel(gap, range)) return false;
    return true;
  }

  /** The prefixes that grant a right, or deny it, in the order of the policy and once each. */
  prefixesOf(right: KeyRight, effect: "allow" | "deny"): string[] {
    return [...new Set(this.#rules.filter((rule) => rule[effect].has(right)).map(({ prefix }) => prefix))];
  }

  /** Made when a right is first asked for: most identities use few of them. */
  #keys(right: KeyRight): KeySet {
    let keys = this.#keySets.get(right);
    if (keys === undefined) {
      keys = new KeySet(this.prefixesOf(right, "allow"), this.prefixesOf(right, "deny"));
      this.#keySets.set(right, keys);
    }
    return keys;
  }
}

function toKeyRange({ prefix, start, end }: Range): KeyRange {
  return prefix === "" ? keyRange(start, end) : prefixRange(prefix);
}

/** Whether all keys of the part have the same name at the level, behind which the list hides them. */
function isBelowLevel({ start, end }: KeyRange, { prefix, delimiter }: Range): boolean {
  const separator = toOrderKey(delimiter);
  const at = start.indexOf(separator, toOrderKey(prefix).length);
  if (at === -1) return false;
  const nameEnd = prefixEnd(start.slice(0, at + separator.length));
  return nameEnd === undefined || (end !== undefined && end <= nameEnd);
}
