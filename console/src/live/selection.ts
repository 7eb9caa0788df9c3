/** The keys of which changes are wanted. */
export interface Selection {
  readonly keys: readonly string[];
  readonly prefixes: readonly string[];
}

/** Everything that one of them selects, without what another one selects already. */
export function unite(selections: Iterable<Selection>): Selection {
  const all = [...selections];
  const prefixes = new Set<string>();
  for (const prefix of all.flatMap((each) => each.prefixes).toSorted()) {
    if (![...prefixes].some((other) => prefix.startsWith(other))) prefixes.add(prefix);
  }
  const keys = new Set(all.flatMap((each) => each.keys));
  const isAlone = (key: string) => ![...prefixes].some((prefix) => key.startsWith(prefix));
  return { keys: [...keys].filter(isAlone).toSorted(), prefixes: [...prefixes] };
}

export function selects({ keys, prefixes }: Selection, key: string): boolean {
  return keys.includes(key) || prefixes.some((prefix) => key.startsWith(prefix));
}

/** Whether `outer` selects everything that `inner` does. */
export function covers(outer: Selection, inner: Selection): boolean {
  const hasPrefix = (text: string) => outer.prefixes.some((prefix) => text.startsWith(prefix));
  return inner.prefixes.every(hasPrefix) && inner.keys.every((key) => selects(outer, key));
}

/** What is left of a selection without the very keys and prefixes of another one. */
export function without({ keys, prefixes }: Selection, other: Selection): Selection {
  return {
    keys: keys.filter((key) => !other.keys.includes(key)),
    prefixes: prefixes.filter((prefix) => !other.prefixes.includes(prefix)),
  };
}

/** Each key and each prefix of a selection alone. */
export function partsOf({ keys, prefixes }: Selection): Selection[] {
  return [
    ...keys.map((key) => ({ keys: [key], prefixes: [] })),
    ...prefixes.map((prefix) => ({ keys: [], prefixes: [prefix] })),
  ];
}

/** All parts of the selections, also those that others cover. */
export function join(selections: Iterable<Selection>): Selection {
  const all = [...selections];
  return {
    keys: [...new Set(all.flatMap(({ keys }) => keys))],
    prefixes: [...new Set(all.flatMap(({ prefixes }) => prefixes))],
  };
}
