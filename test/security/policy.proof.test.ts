import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { prefixRange } from "../../src/database.ts";
import { KeySet } from "../../src/security/key-set.ts";
import { parsePolicy } from "../../src/security/parse-policy.ts";
import { Policy } from "../../src/security/policy.ts";
import { policySchema } from "../../src/security/policy-schema.ts";
import { Rights } from "../../src/security/rights.ts";
import { createToken, digestToken, tokenIdOf } from "../../src/security/token.ts";
import { createRandom, rounds, seed } from "../support/random.ts";

function mistakesOf(policy: unknown): string[] {
  try {
    parsePolicy(typeof policy === "string" ? policy : JSON.stringify(policy));
    return [];
  } catch (error) {
    return (error as Error).message.split("\n");
  }
}

const hash = `sha256:${"0".repeat(64)}`;
const token = { id: "a", name: "ci", hash, roles: [] };

test.each([
  ['{"version": 1,\n "roles": }', ["the policy is not JSON: line 2 column 11"]],
  ['{"version": 1,', ["the policy is not JSON: line 1 column 15"]],
  ["", ["the policy is not JSON: line 1 column 1"]],
  ['{\n "tokens": [{"id": "a"} {"id": "b"}]}', ["the policy is not JSON: line 2 column 25"]],
  [[], ["version is missing", "roles is missing"]],
  [{ version: 2, roles: {} }, ["version must be 1"]],
  [{ version: 1, roles: {}, token: [] }, ["token is no field that a policy has"]],
  [
    { version: 1, roles: { a: [{ prefix: "a/", allow: ["reed"] }] } },
    ['roles.a[0].allow[0] must be ("read" | "list" | "watch" | "write" | "delete" | "*")'],
  ],
  [
    { version: 1, roles: { a: [{ prefix: "a/" }] } },
    ["roles.a[0] must have either prefix with allow or deny, or server"],
  ],
  [
    { version: 1, roles: {}, tokens: [{ ...token, hash: "secret" }] },
    ["tokens[0].hash must be sha256: and 64 hexadecimal digits"],
  ],
  [
    { version: 1, roles: {}, tokens: [{ ...token, roles: ["x"] }], anonymous: ["__proto__"] },
    [
      'tokens[0].roles[0] names the role "x", which roles does not have',
      'anonymous[0] names the role "__proto__", which roles does not have',
    ],
  ],
  [{ version: 1, roles: {}, tokens: [token, token] }, ["tokens[1].id is there twice"]],
  [
    { version: 1, roles: {}, tokens: [{ ...token, expires: "2020-01-01T00:00:00+01" }] },
    ["tokens[0].expires must be a time such as 2027-01-01T00:00:00Z"],
  ],
  [
    {
      version: 1,
      roles: {},
      certificates: [
        { dns: "a.example", name: "a", roles: [] },
        { dns: "A.example", name: "b", roles: [] },
      ],
    },
    ["certificates[1] is there twice"],
  ],
  [
    {
      version: 1,
      roles: { own: [{ prefix: "{name}/", allow: ["*"] }] },
      tokens: [{ ...token, name: "a/b", roles: ["own"] }],
    },
    ["tokens[0].name must have no /, since a role puts it in the place of {name}"],
  ],
  [
    {
      version: 1,
      roles: {},
      jwt: [
        {
          issuer: "i",
          audience: "a",
          jwks: "http://id.example/",
          algorithms: ["HS256"],
          roles: { claim: "g", map: {} },
        },
      ],
    },
    [
      "jwt[0].jwks must be a file, or an https: URL; http: only on this machine",
      expect.stringMatching(/^jwt\[0\]\.algorithms\[0\] must be \("EdDSA"/),
    ],
  ],
  [
    { version: 1, roles: {}, certificates: [{ name: "a", roles: [] }] },
    ["certificates[0] must have either uri or dns"],
  ],
  [
    {
      version: 1,
      roles: {},
      quotas: [
        { prefix: "a/" },
        { prefix: "a/", bytes: "1 KiB" },
        { prefix: "svc/{name}/", entries: 0 },
        { prefix: "b/", bytes: 1.5, entries: 1.5 },
      ],
    },
    [
      "quotas[0] must have bytes or entries",
      "quotas[1].bytes must be a size greater than 0, such as 64MiB or a number of bytes",
      "quotas[2].prefix must have no {name}",
      "quotas[2].entries must be a whole number greater than 0",
      "quotas[3].bytes must be a size greater than 0, such as 64MiB or a number of bytes",
      "quotas[3].entries must be a whole number greater than 0",
    ],
  ],
  [
    {
      version: 1,
      roles: {},
      quotas: [
        { prefix: "a/", entries: 1 },
        { prefix: "a/", bytes: 1 },
      ],
    },
    ["quotas[1].prefix is there twice"],
  ],
])("tells where the mistakes of a policy are: %j", (policy, expected) => {
  expect(mistakesOf(policy)).toEqual(expected);
});

test.each(["svc/{name}", "{name}", "svc-{name}/", "{name}{name}/", "svc/{name}x/a/"])(
  "refuses a prefix in which {name} is no whole segment: %s",
  (prefix) => {
    expect(mistakesOf({ version: 1, roles: { own: [{ prefix, allow: ["*"] }] } })).toEqual([
      "roles.own[0].prefix must have {name} as a whole segment of the path, with a / behind it",
    ]);
  },
);

test("the policy of docs/security.md loads as it is written, and has every part", () => {
  const page = readFileSync(new URL("../../docs/security.md", import.meta.url), "utf8");
  const [, example = ""] = /^```json\n([^]*?)^```$/m.exec(page) ?? [];
  expect(mistakesOf(example)).toEqual([]);
  const policy = new Policy(example);
  expect(policy.quotas).toEqual([{ prefix: "svc/", bytesMax: 100 * 2 ** 20, entriesMax: 100_000 }]);
  const parts = Object.keys(policySchema.entries).filter((part) => part !== "$schema");
  expect(Object.keys(JSON.parse(example) as object).toSorted()).toEqual(parts.toSorted());
});

test("names at most 20 mistakes, and no value of the file", () => {
  const tokens = Array.from({ length: 50 }, (_, index) => ({ ...token, id: `t${index}`, hash: "s3cret" }));
  const mistakes = mistakesOf({ version: 1, roles: {}, tokens });
  expect(mistakes).toHaveLength(21);
  expect(mistakes.at(-1)).toBe("and 30 more");
  expect(mistakes.join()).not.toContain("s3cret");
});

test(`a set of keys is what its prefixes allow and do not deny (seed ${seed})`, () => {
  const random = createRandom(seed);
  const letters = ["a", "b", "/", "\u{1f600}", "\uffff"];
  const text = (longest: number) =>
    Array.from({ length: random.below(longest + 1) }, () => random.pick(letters)).join("");
  for (let round = 0; round < 500 * rounds; round++) {
    const allowed = Array.from({ length: random.below(4) }, () => text(3));
    const denied = Array.from({ length: random.below(4) }, () => text(4));
    const set = new KeySet(allowed, denied);
    const isAllowed = (key: string) =>
      allowed.some((prefix) => key.startsWith(prefix)) && !denied.some((prefix) => key.startsWith(prefix));
    const keys = Array.from({ length: 20 }, () => `${text(5)}a`);
    expect(keys.filter((key) => set.has(key))).toEqual(keys.filter(isAllowed));
    const prefix = text(3);
    // What is denied below the prefix and above it decides, and the gaps say where.
    const expected =
      allowed.some((each) => prefix.startsWith(each)) &&
      !denied.some((each) => each.startsWith(prefix) || prefix.startsWith(each));
    const gaps = [...set.gaps(prefixRange(prefix))];
    expect(set.covers(prefixRange(prefix))).toBe(gaps.length === 0);
    if (expected) expect(gaps).toEqual([]);
    const isInGap = (key: string) => {
      const { start } = prefixRange(key);
      return gaps.some((gap) => gap.start <= start && (gap.end === undefined || start < gap.end));
    };
    const below = keys.filter((key) => key.startsWith(prefix));
    expect(below.filter(isInGap)).toEqual(below.filter((key) => !isAllowed(key)));
  }
});

test("a token is found by its id, and known by its hash until it expires", () => {
  const { id, token: secret, hash: stored } = createToken();
  expect(tokenIdOf(secret)).toBe(id);
  expect(tokenIdOf(`${secret}x`)).toBeUndefined();
  const expires = "2027-01-01T00:00:00Z";
  const policy = new Policy(
    JSON.stringify({ version: 1, roles: {}, tokens: [{ ...token, id, hash: stored, expires }] }),
  );
  const credential = { via: "token", id, digest: digestToken(secret) } as const;
  const end = Date.parse(expires);
  expect(policy.identify(credential, end - 1)).toMatchObject({ name: "ci", via: "token", expires: end });
  const expired = expect.objectContaining({ reason: "TOKEN_EXPIRED" });
  const invalid = expect.objectContaining({ reason: "TOKEN_INVALID" });
  expect(() => policy.identify(credential, end)).toThrow(expired);
  expect(() => policy.identify({ ...credential, id: "other" })).toThrow(invalid);
  expect(() => policy.identify({ ...credential, digest: Buffer.alloc(32) })).toThrow(invalid);
});

test("{name} stands for the name of each identity, as it is", () => {
  const names = ["cart", "$&", "shop"];
  const policy = new Policy(
    JSON.stringify({
      version: 1,
      roles: { own: [{ prefix: "svc/{name}/", allow: ["*"] }] },
      certificates: names.map((name) => ({ uri: `spiffe://prod/${name}`, name, roles: ["own"] })),
    }),
  );
  for (const name of names) {
    const san = [`uri:spiffe://prod/${name}`];
    const credential = {
      via: "certificate",
      names: san,
      expires: Infinity,
      forwarded: undefined,
    } as const;
    const { rights } = policy.identify(credential);
    for (const other of names) expect(rights.allowsKey("read", `svc/${other}/a`)).toBe(other === name);
  }
});

test("a level may be listed whose denied parts show as names alone", () => {
  const policy = new Policy(
    JSON.stringify({
      version: 1,
      roles: {
        deployer: [
          { prefix: "cfg/", allow: ["list"] },
          { prefix: "cfg/secret/", deny: ["*"] },
          { prefix: "cfg/half", deny: ["*"] },
        ],
        clean: [
          { prefix: "cfg/", allow: ["list"] },
          { prefix: "cfg/secret/", deny: ["*"] },
        ],
      },
      certificates: ["deployer", "clean"].map((name) => ({ dns: name, name, roles: [name] })),
    }),
  );
  const rightsOf = (name: string) =>
    policy.identify({ via: "certificate", names: [`dns:${name}`], expires: Infinity, forwarded: undefined })
      .rights;
  const level = { prefix: "cfg/", start: "", end: "", delimiter: "/" };
  expect(rightsOf("clean").allowsRange("list", level)).toBe(true);
  expect(rightsOf("clean").allowsRange("list", { ...level, delimiter: "" })).toBe(false);
  expect(rightsOf("clean").allowsRange("list", { ...level, prefix: "" })).toBe(false);
  expect(rightsOf("clean").allowsRange("list", { ...level, prefix: "cfg/secret/" })).toBe(false);
  // Keys of the level itself are denied.
  expect(rightsOf("deployer").allowsRange("list", level)).toBe(false);
});

test("bounds of the caller do not tell where keys lie behind a name that is not allowed", () => {
  const none = new Rights([], new Set());
  for (const right of ["list", "read"] as const) {
    const range = { prefix: "", start: "cfg/secret/m", end: "cfg/secret/n", delimiter: "/" };
    expect(none.allowsRange(right, range)).toBe(false);
  }
});
