import { writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { generate } from "selfsigned";
import { expect, test } from "vitest";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { parseForwardedCertificate } from "../../src/security/forwarded-certificate.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { makeToken, serveSecured } from "./serve.ts";

interface Pair {
  readonly cert: string;
  readonly private: string;
}

const uriName = 6;
const dnsName = 2;

/** The common name is that of the administrator: it must not count. */
function issue(authority: Pair, altNames: object[]): Promise<Pair> {
  return generate([{ name: "commonName", value: "admin" }], {
    algorithm: "sha256",
    keyType: "ec",
    ca: { key: authority.private, cert: authority.cert },
    extensions: [{ name: "subjectAltName", altNames }],
  } as Parameters<typeof generate>[1]);
}

const authority = await generate([{ name: "commonName", value: "authority" }], {
  algorithm: "sha256",
  keyType: "ec",
  extensions: [{ name: "basicConstraints", cA: true, critical: true }],
});
const cart = await issue(authority, [{ type: uriName, value: "spiffe://prod/ns/shop/sa/cart" }]);
const host = await issue(authority, [{ type: dnsName, value: "Shop.Example" }]);
const proxy = await issue(authority, [{ type: uriName, value: "spiffe://prod/proxy" }]);
const nobody = await issue(authority, [{ type: dnsName, value: "nobody.example" }]);

const admin = makeToken("admin", "admin");
const policy = {
  version: 1,
  roles: { admin: [{ prefix: "", allow: ["*"] }], own: [{ prefix: "svc/{name}/", allow: ["*"] }] },
  tokens: [admin.entry],
  certificates: [
    { uri: "spiffe://prod/ns/shop/sa/cart", name: "cart", roles: ["own"] },
    { dns: "shop.example", name: "shop", roles: ["own"] },
    { dns: "admin", name: "admin", roles: ["admin"] },
    { uri: "spiffe://prod/proxy", name: "proxy", roles: [], proxy: true },
  ],
};

function describe(body: string): string {
  const { name, via } = JSON.parse(body) as Record<string, string>;
  return via === undefined ? (/"reason":"(\w+)"/.exec(body)?.[1] ?? body) : `${name} via ${via}`;
}

async function start() {
  const directory = await temporaryDirectory();
  const file = async (name: string, content: string) => {
    await writeFile(join(directory, name), content);
    return join(directory, name);
  };
  const { origin } = await serveSecured(policy, {
    flags: {
      "tls-cert": await file("cert.pem", authority.cert),
      "tls-key": await file("key.pem", authority.private),
      "tls-client-ca": await file("ca.pem", authority.cert),
      "tls-client-auth": "optional",
    },
  });
  return {
    origin,
    /** Name and way of the caller, or the reason why there is none. */
    whoami: (pair?: Pair, headers: Record<string, string> = {}): Promise<string> =>
      new Promise((resolve, reject) => {
        const pem = pair === undefined ? {} : { cert: pair.cert, key: pair.private };
        const agent = new Agent({ rejectUnauthorized: false, ...pem });
        const outgoing = request(`${origin}/v1/identity`, { agent, headers }, (response) => {
          resolve(
            response.toArray().then((chunks) => describe(Buffer.concat(chunks as Buffer[]).toString())),
          );
        });
        outgoing.on("error", reject).end();
      }),
  };
}

test("a client certificate is an identity by its URI and DNS names, never by its common name", async () => {
  const { whoami, origin } = await start();
  expect(await whoami(cart)).toBe("cart via certificate");
  expect(await whoami(host)).toBe("shop via certificate");
  expect(await whoami(nobody)).toBe("CERTIFICATE_UNKNOWN");
  expect(await whoami()).toBe(" via anonymous");
  const nodeOptions = { rejectUnauthorized: false, cert: cart.cert, key: cart.private };
  const grpc = createClient(StatusService, createGrpcTransport({ baseUrl: origin, nodeOptions }));
  for (let calls = 0; calls < 2; calls++) {
    expect(await grpc.getIdentity({})).toMatchObject({
      name: "cart",
      via: "certificate",
      grants: [{ prefix: "svc/cart/" }],
    });
  }
});

test("a token comes before a certificate, and a bad one does not fall back to it", async () => {
  const { whoami } = await start();
  expect(await whoami(cart, admin.headers)).toBe("admin via token");
  expect(await whoami(cart, { authorization: `Bearer ${makeToken("x").token}` })).toBe("TOKEN_INVALID");
  expect(await whoami(cart, { authorization: "" })).toBe("TOKEN_INVALID");
});

test("only a proxy may forward the certificate of its client", async () => {
  const { whoami } = await start();
  const forwarded = {
    "x-forwarded-client-cert":
      "URI=spiffe://prod/forged,By=spiffe://prod/proxy;URI=spiffe://prod/ns/shop/sa/cart",
  };
  expect(await whoami(proxy, forwarded)).toBe("cart via certificate");
  expect(await whoami(proxy)).toBe("proxy via certificate");
  expect(await whoami(proxy, { "x-forwarded-client-cert": "Hash=1" })).toBe("CERTIFICATE_UNKNOWN");
  expect(await whoami(host, forwarded)).toBe("shop via certificate");
  expect(await whoami(undefined, forwarded)).toBe(" via anonymous");
});

test.each([
  [
    'By=a;Hash=b;Subject="CN=x,O=\\"y;URI=evil\\"";URI=spiffe://a;DNS=B.example',
    ["uri:spiffe://a", "dns:b.example"],
  ],
  ["URI=one,URI=two", ["uri:two"]],
  ['Subject="URI=evil,URI=evil"', []],
  // A client opens a quote, which the proxy's own would close.
  ['URI=evil;X=",By=a;Subject="CN=x";URI=spiffe://a', []],
  ['URI=evil;X=",By=a;URI=spiffe://a', []],
  ["", []],
])("reads forwarded names: %s", (header, names) => {
  expect(parseForwardedCertificate(header)).toEqual(names);
});
