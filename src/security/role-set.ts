import type { CallRate } from "./identity.ts";
import { namePlaceholder, type PolicyFile } from "./policy-schema.ts";
import { allRights, type KeyRight, keyRights, type ServerRight, serverRights } from "./right.ts";
import { type PrefixRule, Rights } from "./rights.ts";

type Rule = PolicyFile["roles"][string][number];

/** Names whose rights stay compiled, where rights depend on the name. */
const namesMax = 1000;

/** Roles that identities have together, and the rights that follow from them. */
export class RoleSet {
  readonly callRate: CallRate | undefined;
  /** Whether a prefix has the name of the identity in it. */
  readonly usesName: boolean;
  readonly #rules: readonly Rule[];
  /** By name; by the empty one where names do not count. */
  readonly #rights = new Map<string, Rights>();

  constructor({ roles, limits }: Pick<PolicyFile, "roles" | "limits">, names: readonly string[]) {
    this.#rules = names.flatMap((name) => roles[name] ?? []);
    this.usesName = this.#rules.some(({ prefix }) => prefix?.includes(namePlaceholder));
    const own = limits.filter(({ role }) => role !== undefined && names.includes(role));
    // Roles add up: the highest limit counts.
    this.callRate = toCallRate(own.toSorted((a, b) => b.calls_per_second - a.calls_per_second)[0]);
  }

  rightsOf(name: string): Rights {
    const key = this.usesName ? name : "";
    let rights = this.#rights.get(key);
    if (rights === undefined) {
      rights = compile(this.#rules, name);
      if (this.#rights.size >= namesMax) this.#rights.delete(this.#rights.keys().next().value as string);
      this.#rights.set(key, rights);
    }
    return rights;
  }
}

export function toCallRate(limit: PolicyFile["limits"][number] | undefined): CallRate | undefined {
  if (limit === undefined) return undefined;
  const { calls_per_second: callsPerSecond, burst = Math.max(1, callsPerSecond) } = limit;
  return { callsPerSecond, burst };
}

function compile(rules: readonly Rule[], name: string): Rights {
  const prefixRules: PrefixRule[] = [];
  const server = new Set<ServerRight>();
  for (const { prefix, allow = [], deny = [], server: ofServer = [] } of rules) {
    for (const right of expand(ofServer, serverRights)) server.add(right);
    if (prefix === undefined) continue;
    prefixRules.push({
      prefix: prefix.replaceAll(namePlaceholder, () => name),
      allow: new Set<KeyRight>(expand(allow, keyRights)),
      deny: new Set<KeyRight>(expand(deny, keyRights)),
    });
  }
  return new Rights(prefixRules, server);
}

function expand<Right extends string>(
  names: readonly (Right | typeof allRights)[],
  all: readonly Right[],
): readonly Right[] {
  return names.flatMap((each) => (each === allRights ? all : [each]));
}
