import { createHmac } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { exportJWK, exportSPKI, generateKeyPair, SignJWT } from "jose";
import { expect, onTestFinished, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { request } from "../support/rest-request.ts";
import { holdCall } from "./held-call.ts";
import { serveSecured } from "./serve.ts";

const seconds = Math.floor(Date.now() / 1000);
const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true });
const other = await generateKeyPair("ES256");
const rsa = await generateKeyPair("RS256");
const keys = JSON.stringify({
  keys: [
    { ...(await exportJWK(publicKey)), kid: "one", alg: "ES256", use: "sig" },
    { ...(await exportJWK(rsa.publicKey)), kid: "rsa" },
  ],
});

const claims = {
  iss: "https://id.example",
  aud: "duetkv",
  sub: "ann",
  groups: ["sre", "unknown", 7],
  iat: seconds,
  exp: seconds + 600,
};

function sign(change: object = {}, header: object = {}, key: Parameters<SignJWT["sign"]>[0] = privateKey) {
  const payload = Object.fromEntries(
    Object.entries({ ...claims, ...change }).filter(([, value]) => value !== undefined),
  );
  return new SignJWT(payload).setProtectedHeader({ alg: "ES256", kid: "one", ...header }).sign(key);
}

function encode(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString("base64url");
}

async function start(jwks = "keys.json") {
  const policy = {
    version: 1,
    roles: { admin: [{ prefix: "", allow: ["*"] }], own: [{ prefix: "own/{name}/", allow: ["*"] }] },
    jwt: [
      {
        issuer: "https://id.example",
        audience: "duetkv",
        jwks,
        algorithms: ["ES256"],
        roles: { claim: "groups", map: { sre: ["admin"], dev: ["own"] } },
      },
    ],
  };
  const secured = await serveSecured({ ...policy, jwt: [] });
  await writeFile(join(dirname(secured.policyPath), "keys.json"), keys);
  await secured.replacePolicy(policy);
  const call = async (token: string, target = "/v1/key/none") => {
    const { status, body } = await request(secured.origin, "GET", target, {
      authorization: `Bearer ${token}`,
    });
    const reason = /"reason":"(\w+)"/.exec(body.toString())?.[1] ?? "";
    return `${status} ${reason}`.trim();
  };
  return { ...secured, policy, call };
}

test("a JWT of a trusted issuer is an identity with the roles of its groups", async () => {
  const { call, origin } = await start();
  const token = await sign();
  expect(await call(token)).toMatch(/^404/);
  expect(await call(token)).toMatch(/^404/);
  const { body } = await request(origin, "GET", "/v1/identity", { authorization: `Bearer ${token}` });
  const expireTime = new Date((claims.exp + 30) * 1000).toISOString().replace(".000Z", "Z");
  expect(JSON.parse(body.toString())).toMatchObject({ name: "ann", via: "jwt", expireTime });
  const own = await sign({ groups: "dev" });
  expect(await call(own, "/v1/key/own/ann/a")).toMatch(/^404/);
  expect(await call(own, "/v1/key/own/bob/a")).toMatch(/^403/);
  expect(await call(await sign({ groups: [] }))).toMatch(/^403/);
});

const hmac = async (secret: string) => {
  const signed = `${encode({ alg: "HS256", kid: "one" })}.${encode(claims)}`;
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`;
};

test.each<[string, () => Promise<string>, string]>([
  ["is not signed", async () => `${encode({ alg: "none" })}.${encode(claims)}.`, "TOKEN_INVALID"],
  [
    "is signed with the public key as a secret",
    async () => hmac(await exportSPKI(publicKey)),
    "TOKEN_INVALID",
  ],
  ["is signed with the key set as a secret", () => hmac(keys), "TOKEN_INVALID"],
  ["is signed by another key", () => sign({}, {}, other.privateKey), "TOKEN_INVALID"],
  [
    "brings its own key",
    async () => sign({}, { jwk: await exportJWK(other.publicKey) }, other.privateKey),
    "TOKEN_INVALID",
  ],
  ["names an unknown key", () => sign({}, { kid: "none" }), "TOKEN_INVALID"],
  ["has another algorithm", () => sign({}, { alg: "RS256", kid: "rsa" }, rsa.privateKey), "TOKEN_INVALID"],
  ["has expired", () => sign({ exp: seconds - 31 }), "TOKEN_EXPIRED"],
  ["never expires", () => sign({ exp: undefined }), "TOKEN_INVALID"],
  ["is not valid yet", () => sign({ nbf: seconds + 300 }), "TOKEN_INVALID"],
  ["was issued in the future", () => sign({ iat: seconds + 300 }), "TOKEN_INVALID"],
  ["is for somebody else", () => sign({ aud: "other" }), "TOKEN_INVALID"],
  ["is for nobody", () => sign({ aud: undefined }), "TOKEN_INVALID"],
  ["is of another issuer", () => sign({ iss: "https://evil.example" }), "TOKEN_INVALID"],
  ["has no subject", () => sign({ sub: undefined }), "TOKEN_INVALID"],
  ["has a subject that is no name", () => sign({ sub: "a\nb" }), "TOKEN_INVALID"],
  ["has a subject that is no part of a key", () => sign({ sub: "a/../b", groups: "dev" }), "TOKEN_INVALID"],
  ["is huge", () => sign({ padding: "x".repeat(9000) }), "TOKEN_INVALID"],
  ["is cut off", async () => (await sign()).slice(0, -2), "TOKEN_INVALID"],
  ["is no JWT", async () => "a.b.c", "TOKEN_INVALID"],
])("refuses a JWT that %s", async (_name, make, reason) => {
  const { call } = await start();
  expect(await call(await make())).toBe(`401 ${reason}`);
});

test.each([
  ["keys", { jwks: "others.json" }],
  ["algorithms", { algorithms: ["EdDSA"] }],
])("a stream ends when a policy no longer trusts the %s of its JWT", async (_name, change) => {
  const { origin, policyPath, policy, replacePolicy } = await start();
  const theirs = { ...(await exportJWK(other.publicKey)), kid: "two" };
  await writeFile(join(dirname(policyPath), "others.json"), JSON.stringify({ keys: [theirs] }));
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
  const headers = { authorization: `Bearer ${await sign()}` };
  const watch = client.watch({ prefix: "k/" }, { headers })[Symbol.asyncIterator]();
  await watch.next();
  await replacePolicy({ ...policy, jwt: [{ ...policy.jwt[0], ...change }] });
  const error = await watch.next().catch((thrown: unknown) => ConnectError.from(thrown));
  expect((error as ConnectError).findDetails(ErrorInfoSchema)).toMatchObject([
    { reason: "RIGHT_MISSING", metadata: { identity: "ann" } },
  ]);
});

test("a key that is removed while the policy file has a mistake is no longer valid", async () => {
  const { call, server, policyPath, replacePolicy } = await start();
  await replacePolicy("{ broken");
  const token = await sign();
  expect(await call(token)).toMatch(/^404/);
  await writeFile(join(dirname(policyPath), "keys.json"), '{"keys": []}');
  await server.reload();
  expect(await call(token)).toBe("401 TOKEN_INVALID");
});

test("a stream ends when the key of its JWT is no longer among those of the issuer", async () => {
  const { origin, server, policyPath } = await start();
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl: origin }));
  const headers = { authorization: `Bearer ${await sign()}` };
  const watch = client.watch({ prefix: "k/" }, { headers })[Symbol.asyncIterator]();
  await watch.next();
  const replaceKeys = async (changed: readonly object[]) => {
    await writeFile(join(dirname(policyPath), "keys.json"), JSON.stringify({ keys: changed }));
    await server.reload();
  };
  const mine = { ...(await exportJWK(publicKey)), kid: "one" };
  const theirs = { ...(await exportJWK(other.publicKey)), kid: "two" };
  await replaceKeys([mine, theirs]);
  await client.put({ key: "k/a" }, { headers });
  expect((await watch.next()).value).toMatchObject({ resumeRevision: 1n });
  await replaceKeys([theirs]);
  const error = await watch.next().catch((thrown: unknown) => ConnectError.from(thrown));
  expect((error as ConnectError).findDetails(ErrorInfoSchema)).toMatchObject([
    { reason: "RIGHT_MISSING", metadata: { identity: "ann", last_revision: "1" } },
  ]);
});

test.each([
  ["Watch", "message"],
  ["Get", String(Code.NotFound)],
] as const)("a %s whose body comes after the keys have changed needs one of them", async (method, served) => {
  const { origin, server, policyPath } = await start();
  const headers = { authorization: `Bearer ${await sign()}` };
  const mine = { ...(await exportJWK(publicKey)), kid: "one" };
  const theirs = { ...(await exportJWK(other.publicKey)), kid: "two" };
  const finishAfter = async (changed: readonly object[]) => {
    const held = await holdCall(origin, method, headers);
    await writeFile(join(dirname(policyPath), "keys.json"), JSON.stringify({ keys: changed }));
    await server.reload();
    return held.finish();
  };
  expect(await finishAfter([mine, theirs])).toBe(served);
  expect(await finishAfter([theirs])).toBe(String(Code.Unauthenticated));
});

test("a call whose body comes after a policy no longer trusts the algorithm of its JWT is refused", async () => {
  const { origin, policy, replacePolicy } = await start();
  const held = await holdCall(origin, "Get", { authorization: `Bearer ${await sign()}` });
  await replacePolicy({ ...policy, jwt: [{ ...policy.jwt[0], algorithms: ["EdDSA"] }] });
  expect(await held.finish()).toBe(String(Code.Unauthenticated));
});

test("calls that come while the keys are read wait for them", async () => {
  const issuer = createServer((_request, response) => void setTimeout(() => response.end(keys), 50));
  issuer.listen(0, "127.0.0.1");
  await new Promise((resolve) => issuer.once("listening", resolve));
  onTestFinished(() => void issuer.close());
  const { call } = await start(`http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`);
  const tokens = await Promise.all(["a", "b", "c"].map((jti) => sign({ jti })));
  for (const result of await Promise.all(tokens.map((token) => call(token)))) expect(result).toMatch(/^404/);
});

test("a time with a fraction is one that identity can show", async () => {
  const { origin } = await start();
  const authorization = `Bearer ${await sign({ exp: claims.exp + 0.123_456_789 })}`;
  const { status } = await request(origin, "GET", "/v1/identity", { authorization });
  expect(status).toBe(200);
});

test("keys in a file that cannot be read stay in use, and are counted", async () => {
  const { admin, call, server, policyPath } = await start();
  const path = join(dirname(policyPath), "keys.json");
  const shown = async () =>
    [...(await (await fetch(`${admin}/metrics`)).text()).matchAll(/^duetkv_jwks_(\w+) (\d+)$/gm)].map(
      ([, name, value]) => `${name} ${value}`,
    );
  expect(await shown()).toEqual(["load_failures_total 0", "stale 0"]);
  await writeFile(path, keys.slice(0, -9));
  await server.reload();
  expect(await shown()).toEqual([expect.stringMatching(/^load_failures_total [1-9]/), "stale 1"]);
  expect(await call(await sign())).toMatch(/^404/);
  await writeFile(path, keys);
  await server.reload();
  expect(await shown()).toEqual([expect.stringMatching(/^load_failures_total [1-9]/), "stale 0"]);
});

test("a token that has expired is told so, whichever other entries its issuer has", async () => {
  const { policy, replacePolicy, call } = await start();
  const [issuer] = policy.jwt;
  await replacePolicy({ ...policy, jwt: [issuer, { ...issuer, audience: "other" }] });
  expect(await call(await sign({ exp: seconds - 31 }))).toBe("401 TOKEN_EXPIRED");
});
