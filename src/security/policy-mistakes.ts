import { namePlaceholder, type PolicyFile } from "./policy-schema.ts";

/** What is wrong between the parts of a policy: roles that do not exist, what is there twice, names that cannot be a part of a key. */
export function findPolicyMistakes(policy: PolicyFile): string[] {
  return [...findUnknownRoles(policy), ...findRepeated(policy), ...findUnusableNames(policy)];
}

function findUnknownRoles(policy: PolicyFile): string[] {
  const used = [
    ...policy.tokens.flatMap(({ roles }, index) => at(roles, `tokens[${index}].roles`)),
    ...policy.certificates.flatMap(({ roles }, index) => at(roles, `certificates[${index}].roles`)),
    ...policy.jwt.flatMap(({ roles }, index) =>
      Object.entries(roles.map).flatMap(([value, names]) => at(names, `jwt[${index}].roles.map.${value}`)),
    ),
    ...at(policy.anonymous, "anonymous"),
    ...policy.limits.flatMap(({ role }, index) =>
      role === undefined ? [] : [{ role, place: `limits[${index}].role` }],
    ),
  ];
  return used
    .filter(({ role }) => !Object.hasOwn(policy.roles, role))
    .map(({ role, place }) => `${place} names the role ${JSON.stringify(role)}, which roles does not have`);
}

function at(roles: readonly string[], place: string) {
  return roles.map((role, index) => ({ role, place: `${place}[${index}]` }));
}

function findRepeated(policy: PolicyFile): string[] {
  const certificates = policy.certificates.map(({ uri, dns = "" }) => `${uri} ${dns.toLowerCase()}`);
  return [
    ...repeated(policy.tokens.map(({ id }) => id)).map((index) => `tokens[${index}].id is there twice`),
    ...repeated(certificates).map((index) => `certificates[${index}] is there twice`),
    ...repeated(policy.jwt.map(({ issuer, audience }) => JSON.stringify([issuer, audience]))).map(
      (index) => `jwt[${index}] has an issuer and audience that are there twice`,
    ),
    ...repeated(policy.limits.map(({ role = "" }) => role)).map((index) => `limits[${index}] is there twice`),
    ...repeated(policy.quotas.map(({ prefix }) => prefix)).map(
      (index) => `quotas[${index}].prefix is there twice`,
    ),
  ];
}

/** The places of what was there before. */
function repeated(texts: readonly string[]): number[] {
  const seen = new Set<string>();
  return texts.flatMap((text, index) => {
    if (seen.has(text)) return [index];
    seen.add(text);
    return [];
  });
}

function findUnusableNames(policy: PolicyFile): string[] {
  const withName = new Set(
    Object.keys(policy.roles).filter((role) =>
      policy.roles[role]?.some(({ prefix }) => prefix?.includes(namePlaceholder)),
    ),
  );
  const usesName = (roles: readonly string[]) => roles.some((role) => withName.has(role));
  const named = [
    ...policy.tokens.map(({ name, roles }, index) => ({ name, roles, place: `tokens[${index}].name` })),
    ...policy.certificates.map(({ name, roles }, index) => ({
      name,
      roles,
      place: `certificates[${index}].name`,
    })),
  ];
  return [
    ...named
      .filter(({ name, roles }) => name.includes("/") && usesName(roles))
      .map(({ place }) => `${place} must have no /, since a role puts it in the place of ${namePlaceholder}`),
    ...(usesName(policy.anonymous)
      ? [`anonymous must have no role with ${namePlaceholder}: an anonymous caller has no name`]
      : []),
  ];
}
