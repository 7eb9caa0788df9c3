import { namePlaceholder, type PolicyFile } from "./policy-schema.ts";
import { allRights, type KeyRight, type ServerRight } from "./right.ts";
import { RoleSet } from "./role-set.ts";

/** A rule that is about a right and a key; `prefix` is undefined for rights to the server. */
export interface MatchingRule {
  readonly role: string;
  readonly effect: "allow" | "deny";
  readonly prefix: string | undefined;
}

/** Whether an identity with these roles has a right, and the rules that are about it. `key` is undefined for rights to the server. */
export function explain(
  policy: PolicyFile,
  name: string,
  roles: readonly string[],
  right: KeyRight | ServerRight,
  key: string | undefined,
): { readonly allowed: boolean; readonly rules: readonly MatchingRule[] } {
  const rights = new RoleSet(policy, roles).rightsOf(name);
  const allowed =
    key === undefined ? rights.server.has(right as ServerRight) : rights.allowsKey(right as KeyRight, key);
  const has = (names: readonly string[] = []) => names.includes(right) || names.includes(allRights);
  const rules = roles.flatMap((role) =>
    (policy.roles[role] ?? []).flatMap((rule): MatchingRule[] => {
      if (key === undefined) return has(rule.server) ? [{ role, effect: "allow", prefix: undefined }] : [];
      const prefix = rule.prefix?.replaceAll(namePlaceholder, () => name);
      if (prefix === undefined || !key.startsWith(prefix)) return [];
      return (["allow", "deny"] as const)
        .filter((effect) => has(rule[effect]))
        .map((effect) => ({ role, effect, prefix }));
    }),
  );
  return { allowed, rules };
}
