import { expect, test } from "vitest";
import { parsePolicy } from "../../src/security/parse-policy.ts";
import { findPolicyWarnings } from "../../src/security/policy-warnings.ts";

const now = Date.parse("2027-01-01T00:00:00Z");
const token = { id: "a", name: "a", hash: `sha256:${"0".repeat(64)}`, roles: ["app"] };
const app = [{ prefix: "svc/", allow: ["*"] }];

function warningsOf(policy: object): string[] {
  const whole = { version: 1, tokens: [token], roles: { app }, ...policy };
  return findPolicyWarnings(parsePolicy(JSON.stringify(whole)), now);
}

test.each([
  { roles: { app, other: app } },
  {
    tokens: [],
    jwt: [
      {
        issuer: "https://id.example",
        audience: "duetkv",
        jwks: "https://id.example/jwks",
        algorithms: ["ES256"],
        roles: { claim: "groups", map: { sre: ["app"] } },
      },
    ],
    roles: { app, other: app },
  },
  { tokens: [], anonymous: ["app"], roles: { app, other: app } },
])("warns about a role that nobody has", (policy) => {
  expect(warningsOf(policy)).toEqual(["roles.other: nobody has this role"]);
});

test("warns once if nobody has any role", () => {
  expect(warningsOf({ tokens: [] })).toEqual([expect.stringContaining("nobody has a right")]);
});

test.each([
  { proxy: true, roles: ["app"], count: 1 },
  { proxy: true, roles: [], count: 0 },
  { proxy: false, roles: ["app"], count: 0 },
])("warns about a proxy with roles: $proxy, $roles", ({ count, ...settings }) => {
  const certificates = [{ dns: "proxy.example", name: "proxy", ...settings }];
  expect(warningsOf({ certificates })).toEqual(
    Array(count).fill(expect.stringContaining("certificates[0]: a call without")),
  );
});

test("warns about a token from the time at which it expires", () => {
  const expiring = (expires: string) => ({ tokens: [{ ...token, expires }] });
  expect(warningsOf(expiring("2027-01-01T00:00:01Z"))).toEqual([]);
  expect(warningsOf(expiring("2027-01-01T00:00:00Z"))).toEqual([
    "tokens[0]: expired at 2027-01-01T00:00:00Z",
  ]);
});

test.each([
  { deny: { prefix: "svc/", deny: ["*"] }, overruled: true },
  { deny: { prefix: "", deny: ["read", "write"] }, overruled: true },
  { deny: { prefix: "svc/", deny: ["write"] }, overruled: false },
  { deny: { prefix: "svc/a/b/", deny: ["*"] }, overruled: false },
])("warns about a rule that is overruled by $deny: $overruled", ({ deny, overruled }) => {
  const roles = { app: [deny, { prefix: "svc/a/", allow: ["read", "write"] }] };
  const warning = "roles.app[1]: the role denies all that this rule allows";
  expect(warningsOf({ roles })).toEqual(overruled ? [warning] : []);
});

const denies = (prefix: string, deny = ["*"]) => [{ prefix, deny }];

test.each([
  { guest: denies("svc/"), overruled: true },
  { guest: denies("", ["read", "list", "watch", "write", "delete"]), overruled: true },
  { guest: denies("svc/", ["write"]), overruled: false },
  { guest: denies("svc/a/"), overruled: false },
  { guest: denies("other/"), overruled: false },
])(
  "warns about a rule that $guest of another role of the same token overrules: $overruled",
  ({ guest, overruled }) => {
    const tokens = [{ ...token, roles: ["app", "guest"] }];
    const warning = "roles.app[0]: the roles of tokens[0] deny all that this rule allows";
    expect(warningsOf({ tokens, roles: { app, guest } })).toEqual(overruled ? [warning] : []);
  },
);

test("warns about a rule that two other roles overrule together", () => {
  const tokens = [{ ...token, roles: ["app", "noReads", "noWrites"] }];
  const roles = {
    app: [{ prefix: "svc/", allow: ["read", "write"] }],
    noReads: denies("svc/", ["read"]),
    noWrites: denies("", ["write"]),
  };
  expect(warningsOf({ tokens, roles })).toEqual([
    "roles.app[0]: the roles of tokens[0] deny all that this rule allows",
  ]);
});

test("warns once about a rule that the roles of several identities overrule", () => {
  const both = ["app", "guest"];
  const jwt = {
    issuer: "https://id.example",
    audience: "duetkv",
    jwks: "https://id.example/jwks",
    algorithms: ["ES256"],
    roles: { claim: "groups", map: { dev: ["app"], sre: both } },
  };
  const policy = {
    tokens: [token, { ...token, id: "b", roles: both }],
    certificates: [{ dns: "a.example", name: "a", roles: ["guest", "app"] }],
    jwt: [jwt],
    anonymous: both,
    roles: { app, guest: denies("") },
  };
  expect(warningsOf(policy)).toEqual([
    "roles.app[0]: the roles of tokens[1] and 3 more deny all that this rule allows",
  ]);
  expect(warningsOf({ ...policy, tokens: [], certificates: [], anonymous: [] })).toEqual([
    "roles.app[0]: the roles of jwt[0].roles.map.sre deny all that this rule allows",
  ]);
});

test("does not warn again about a rule that its own role overrules", () => {
  const roles = { app: [...app, ...denies("svc/")], guest: denies("svc/") };
  expect(warningsOf({ tokens: [{ ...token, roles: ["app", "guest"] }], roles })).toEqual([
    "roles.app[0]: the role denies all that this rule allows",
  ]);
});

test.each([
  { allowed: "svc/", quota: "svc/a/", used: true },
  { allowed: "svc/a/", quota: "svc/", used: true },
  { allowed: "svc/{name}/", quota: "svc/a/", used: true },
  { allowed: "", quota: "svc/", used: true },
  { allowed: "cfg/", quota: "svc/", used: false },
])("warns about a quota of $quota where $allowed may be written: $used", ({ allowed, quota, used }) => {
  const policy = {
    roles: {
      app: [
        { prefix: allowed, allow: ["write"] },
        { prefix: "svc/", allow: ["read"] },
      ],
    },
    quotas: [{ prefix: quota, entries: 1 }],
  };
  const warning = "quotas[0]: no role may write keys with this prefix";
  expect(warningsOf(policy)).toEqual(used ? [] : [warning]);
});
