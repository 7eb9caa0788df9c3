import * as v from "valibot";
import { size } from "../config/values.ts";
import { allRights, keyRights, serverRights } from "./right.ts";

// The shape of a policy file; docs/security.md explains it. What its parts must say of each other is in policy-mistakes.ts.

/** Stands for the name of the identity in the prefixes of a role. */
export const namePlaceholder = "{name}";

const name = v.pipe(
  v.string(),
  v.regex(/^[^\p{Cc}]{1,256}$/u, "must be 1 to 256 characters without control characters"),
);

const prefix = v.pipe(
  v.string(),
  v.check((text) => text.isWellFormed() && !text.includes("\0"), "must be Unicode without NUL"),
);

/** With half a segment, the rights of "shop" would be those of "shop-test", too. */
const rolePrefix = v.pipe(
  prefix,
  v.check(
    (text) => !text.split("/").some((part, index, { length }) => isHalfName(part, index === length - 1)),
    "must have {name} as a whole segment of the path, with a / behind it",
  ),
);

function isHalfName(segment: string, isLast: boolean): boolean {
  return segment.includes(namePlaceholder) && (isLast || segment !== namePlaceholder);
}

const timeFault = "must be a time such as 2027-01-01T00:00:00Z";

const time = v.pipe(
  v.string(),
  v.isoTimestamp(timeFault),
  // Some that have the form are no times to Date: a comparison with one would never say that it is over.
  v.check((text) => !Number.isNaN(Date.parse(text)), timeFault),
);

const nonEmpty = v.pipe(v.string(), v.minLength(1, "must not be empty"));

const roleNames = v.array(v.string());

const keyRightNames = v.pipe(
  v.array(v.picklist([...keyRights, allRights])),
  v.minLength(1, "must name a right"),
);

/** A rule of a role: of the keys with a prefix, or of the server. One object, so that a mistake in it is told as it is. */
const rule = v.pipe(
  v.strictObject({
    prefix: v.optional(rolePrefix),
    allow: v.optional(keyRightNames),
    deny: v.optional(keyRightNames),
    server: v.optional(
      v.pipe(v.array(v.picklist([...serverRights, allRights])), v.minLength(1, "must name a right")),
    ),
  }),
  v.check(
    ({ prefix: keys, allow, deny, server }) =>
      server === undefined
        ? keys !== undefined && (allow ?? deny) !== undefined
        : (keys ?? allow ?? deny) === undefined,
    "must have either prefix with allow or deny, or server",
  ),
);

const token = v.strictObject({
  id: v.pipe(v.string(), v.regex(/^[a-z0-9]{1,32}$/, "must be 1 to 32 lower case letters and digits")),
  name,
  hash: v.pipe(v.string(), v.regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hexadecimal digits")),
  roles: roleNames,
  expires: v.optional(time),
});

const certificate = v.pipe(
  v.strictObject({
    uri: v.optional(nonEmpty),
    dns: v.optional(nonEmpty),
    name,
    roles: roleNames,
    proxy: v.optional(v.boolean(), false),
  }),
  v.check(({ uri, dns }) => (uri === undefined) !== (dns === undefined), "must have either uri or dns"),
);

/** Asymmetric ones: with HMAC a public key would be the secret. */
const algorithms = [
  "EdDSA",
  "Ed25519",
  "ES256",
  "ES384",
  "ES512",
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
] as const;

const jwt = v.strictObject({
  issuer: nonEmpty,
  audience: nonEmpty,
  jwks: v.pipe(
    v.string(),
    v.check(isKeySource, "must be a file, or an https: URL; http: only on this machine"),
  ),
  algorithms: v.pipe(v.array(v.picklist(algorithms)), v.minLength(1, "must name an algorithm")),
  name: v.optional(nonEmpty, "sub"),
  roles: v.strictObject({ claim: nonEmpty, map: v.record(v.string(), roleNames) }),
});

const positive = v.pipe(v.number(), v.finite(), v.gtValue(0, "must be greater than 0"));

const limit = v.strictObject({
  role: v.optional(v.string()),
  calls_per_second: positive,
  burst: v.optional(v.pipe(positive, v.minValue(1, "must be at least 1"))),
});

const wholeFault = "must be a whole number greater than 0";

const bytes = v.pipe(
  v.union([v.number(), v.string()], "must be a size such as 64MiB or a number of bytes"),
  v.transform(String),
  size,
);

const quota = v.pipe(
  v.strictObject({
    prefix: v.pipe(
      prefix,
      v.check((text) => !text.includes(namePlaceholder), `must have no ${namePlaceholder}`),
    ),
    bytes: v.optional(bytes),
    entries: v.optional(v.pipe(v.number(), v.safeInteger(wholeFault), v.minValue(1, wholeFault))),
  }),
  v.check(({ bytes: most, entries }) => (most ?? entries) !== undefined, "must have bytes or entries"),
);

export const policySchema = v.strictObject({
  $schema: v.optional(v.string()),
  version: v.literal(1, "must be 1"),
  tokens: v.optional(v.array(token), []),
  certificates: v.optional(v.array(certificate), []),
  jwt: v.optional(v.array(jwt), []),
  anonymous: v.optional(roleNames, []),
  roles: v.record(v.string(), v.array(rule)),
  limits: v.optional(v.array(limit), []),
  quotas: v.optional(v.array(quota), []),
});

/** A policy file, with defaults. */
export type PolicyFile = v.InferOutput<typeof policySchema>;

export type JwtIssuer = PolicyFile["jwt"][number];

/** Keys that came over the network in the clear would let anybody on the way make tokens. */
function isKeySource(text: string): boolean {
  if (!/^[a-z][a-z0-9+.-]*:/i.test(text)) return text !== "";
  if (!URL.canParse(text)) return false;
  const { protocol, hostname } = new URL(text);
  return (
    protocol === "https:" ||
    (protocol === "http:" && /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(hostname))
  );
}
