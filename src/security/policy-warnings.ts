import { namePlaceholder, type PolicyFile } from "./policy-schema.ts";
import { allRights, keyRights } from "./right.ts";

type Rule = PolicyFile["roles"][string][number];

/** What is valid in a policy, but most likely not meant, each with its place. `now` in milliseconds since 1970. */
export function findPolicyWarnings(policy: PolicyFile, now: number): string[] {
  return [
    ...findIdle(policy),
    ...findProxiesWithRoles(policy),
    ...findExpired(policy, now),
    ...findOverruled(policy),
    ...findQuotasOfNobody(policy),
  ];
}

/** Roles that nobody has. */
function findIdle({ tokens, certificates, jwt, anonymous, roles }: PolicyFile): string[] {
  if (tokens.length + certificates.length + jwt.length + anonymous.length === 0)
    return [
      "there is no token, certificate or issuer, and anonymous callers have no role: nobody has a right",
    ];
  const used = new Set([
    ...[...tokens, ...certificates].flatMap((each) => each.roles),
    ...jwt.flatMap((issuer) => Object.values(issuer.roles.map).flat()),
    ...anonymous,
  ]);
  return Object.keys(roles)
    .filter((role) => !used.has(role))
    .map((role) => `roles.${role}: nobody has this role`);
}

function findProxiesWithRoles({ certificates }: PolicyFile): string[] {
  return certificates.flatMap(({ proxy, roles }, index) =>
    proxy && roles.length > 0
      ? [`certificates[${index}]: a call without x-forwarded-client-cert has the roles of this proxy`]
      : [],
  );
}

function findExpired({ tokens }: PolicyFile, now: number): string[] {
  return tokens.flatMap(({ expires }, index) =>
    expires !== undefined && Date.parse(expires) <= now ? [`tokens[${index}]: expired at ${expires}`] : [],
  );
}

/** Rules that allow nothing, since the same role denies all of it, or other roles of some identities do. */
function findOverruled(policy: PolicyFile): string[] {
  const { roles } = policy;
  const identities = identitiesBySeveralRoles(policy);
  return Object.entries(roles).flatMap(([role, rules]) =>
    rules.flatMap((rule, index) => {
      if (isOverruled(rule, rules))
        return [`roles.${role}[${index}]: the role denies all that this rule allows`];
      const places = identities.flatMap((each) =>
        each.roles.has(role) && isOverruled(rule, each.denials) ? each.places : [],
      );
      if (places.length === 0) return [];
      const who = places.length === 1 ? places[0] : `${places[0]} and ${places.length - 1} more`;
      return [`roles.${role}[${index}]: the roles of ${who} deny all that this rule allows`];
    }),
  );
}

interface Identities {
  readonly roles: ReadonlySet<string>;
  /** The rules of these roles that deny something. */
  readonly denials: readonly Rule[];
  /** Of the identities in the file. */
  readonly places: string[];
}

/**
 * Identities that have more than one role, those with the same roles together. Which groups a JWT has together is not in the
 * file: each group counts by itself.
 */
function identitiesBySeveralRoles({ tokens, certificates, jwt, anonymous, roles }: PolicyFile): Identities[] {
  const all: (readonly [place: string, roles: readonly string[]])[] = [
    ...tokens.map((each, index) => [`tokens[${index}]`, each.roles] as const),
    ...certificates.map((each, index) => [`certificates[${index}]`, each.roles] as const),
    ...jwt.flatMap((issuer, index) =>
      Object.entries(issuer.roles.map).map(
        ([group, names]) => [`jwt[${index}].roles.map.${group}`, names] as const,
      ),
    ),
    ["anonymous", anonymous],
  ];
  const byRoles = new Map<string, Identities>();
  for (const [place, names] of all) {
    const own = new Set(names.toSorted());
    if (own.size < 2) continue;
    const key = JSON.stringify([...own]);
    const known = byRoles.get(key);
    if (known !== undefined) known.places.push(place);
    else {
      const denials = [...own].flatMap((name) => roles[name] ?? []).filter(({ deny }) => deny !== undefined);
      byRoles.set(key, { roles: own, denials, places: [place] });
    }
  }
  return [...byRoles.values()];
}

/** Whether a rule allows something, and others deny all of it, whatever {name} stands for. */
function isOverruled({ prefix, allow = [] }: Rule, by: readonly Rule[]): boolean {
  if (prefix === undefined || allow.length === 0) return false;
  const denied = new Set(
    by.flatMap((rule) =>
      rule.prefix !== undefined && prefix.startsWith(rule.prefix) ? expand(rule.deny) : [],
    ),
  );
  return expand(allow).every((right) => denied.has(right));
}

/** Quotas of keys that no role may write. */
function findQuotasOfNobody({ roles, quotas }: PolicyFile): string[] {
  const writable = Object.values(roles)
    .flat()
    .filter(({ allow }) => expand(allow).includes("write"))
    // What stands for a name may be any text.
    .map(({ prefix = "" }) => prefix.split(namePlaceholder)[0] as string);
  return quotas.flatMap(({ prefix }, index) =>
    writable.some((start) => start.startsWith(prefix) || prefix.startsWith(start))
      ? []
      : [`quotas[${index}]: no role may write keys with this prefix`],
  );
}

function expand(rights: Rule["allow"] = []) {
  return rights.includes(allRights) ? keyRights : rights;
}
