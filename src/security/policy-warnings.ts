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

/** Rules that allow nothing, since the same role denies all of it. */
function findOverruled({ roles }: PolicyFile): string[] {
  return Object.entries(roles).flatMap(([role, rules]) =>
    rules.flatMap(({ prefix, allow = [] }, index) => {
      if (prefix === undefined || allow.length === 0) return [];
      const denied = new Set(
        rules.flatMap((rule) => (prefix.startsWith(rule.prefix ?? "\0") ? expand(rule.deny) : [])),
      );
      return expand(allow).every((right) => denied.has(right))
        ? [`roles.${role}[${index}]: the role denies all that this rule allows`]
        : [];
    }),
  );
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
