import { describe, expect, test } from "vitest";
import { type Ask, ask, askHttp2, reasonOf, serve } from "./serve.ts";

const get = "/duetkv.v1.KeyValueService/Get";
const json = { "content-type": "application/json" };
const listed = "https://app.example";

describe("without --cors-origin", () => {
  test.each([
    ["a Commit of any content type", "POST", "/v1/key:commit", { origin: "http://evil.example" }],
    ["a put", "PUT", "/v1/key/a", { origin: "http://evil.example" }],
    ["a delete of a sandboxed page", "DELETE", "/v1/key/a", { origin: "null" }],
    ["a put of another port", "PUT", "/v1/key/a", { origin: "http://localhost:1" }],
    ["a put that only Sec-Fetch-Site gives away", "PUT", "/v1/key/a", { "sec-fetch-site": "cross-site" }],
    ["an RPC", "POST", get, { origin: "http://evil.example", ...json }],
    ["an RPC by GET", "GET", `${get}?encoding=json&message={}`, { "sec-fetch-site": "cross-site" }],
  ])("%s of a foreign page is 403", async (_name, method, path, headers) => {
    const { port, memory } = await serve();
    for (const send of [ask, askHttp2]) {
      const response = await send(port, method, path, { headers });
      expect([response.status, reasonOf(response)]).toEqual([403, "ORIGIN_NOT_ALLOWED"]);
      expect(response.headers["access-control-allow-origin"]).toBeUndefined();
    }
    expect(memory.requests).toEqual([]);
  });

  test.each(["application/grpc", "application/grpc-web"])("%s is refused in its own words", async (type) => {
    const { port } = await serve();
    const headers = { origin: "http://evil.example", "content-type": type };
    const response = await askHttp2(port, "POST", get, { headers, body: Buffer.alloc(5) });
    expect(response).toMatchObject({ status: 200, headers: { "grpc-status": "7" } });
  });

  test.each([
    ["curl", "PUT", {}],
    ["a page of the server itself", "PUT", { origin: "http://Duet.example:8080", host: "duet.example:8080" }],
    ["a page of the server behind TLS", "PUT", { origin: "https://duet.example", host: "duet.example" }],
    [
      "a page of the server at a spelled out port",
      "PUT",
      { origin: "https://duet.example", host: "duet.example:443" },
    ],
    ["the same origin", "PUT", { "sec-fetch-site": "same-origin" }],
    ["a read of a foreign page", "GET", { origin: "http://evil.example", "sec-fetch-site": "cross-site" }],
  ])("%s passes", async (_name, method, headers) => {
    const { port } = await serve();
    await ask(port, "PUT", "/v1/key/a", { body: "x" });
    const origin = "origin" in headers ? { origin: headers.origin?.toLowerCase() } : {};
    const response = await ask(port, method, "/v1/key/a", { headers: { ...headers, ...origin } });
    expect(response.status).toBeLessThan(300);
    expect(response.headers["access-control-allow-origin"]).toBeUndefined();
  });

  test("a preflight is refused", async () => {
    const { port } = await serve();
    const headers = { origin: listed, "access-control-request-method": "PUT" };
    const response = await ask(port, "OPTIONS", "/v1/key/a", { headers });
    expect(response.status).toBe(405);
    expect(response.headers["access-control-allow-origin"]).toBeUndefined();
  });
});

describe("with --cors-origin", () => {
  const preflight: Ask = {
    headers: {
      origin: listed,
      "access-control-request-method": "PUT",
      "access-control-request-headers": "if-match,x-own-metadata",
      "access-control-request-private-network": "true",
    },
  };

  test.each([
    ["a listed origin", new Set([listed]), listed],
    ["any origin", "*", "*"],
  ] as const)("a preflight of %s is 204 for REST and RPC", async (_name, corsOrigins, allowed) => {
    const { port } = await serve({ wire: { corsOrigins } });
    for (const path of ["/v1/key/a", get]) {
      for (const send of [ask, askHttp2]) {
        const response = await send(port, "OPTIONS", path, preflight);
        expect(response).toMatchObject({
          status: 204,
          headers: {
            "access-control-allow-origin": allowed,
            "access-control-allow-methods": "GET, HEAD, PUT, POST, DELETE",
            "access-control-allow-headers": "if-match,x-own-metadata",
            "access-control-allow-private-network": "true",
            "access-control-max-age": "7200",
          },
        });
      }
    }
  });

  test("every response to a listed origin may be read: values, errors, events, RPCs", async () => {
    const { port } = await serve({ wire: { corsOrigins: new Set([listed]) } });
    const headers = { origin: listed };
    const sent = [
      await ask(port, "PUT", "/v1/key/a", { headers, body: "x" }),
      await ask(port, "GET", "/v1/key/a", { headers }),
      await ask(port, "GET", "/v1/key/none", { headers }),
      await ask(port, "GET", "/v1/key:watch", { headers }),
      await ask(port, "POST", get, { headers: { ...headers, ...json }, body: '{"key":"a"}' }),
      await ask(port, "POST", `${get}x`, { headers: { ...headers, "content-type": "application/grpc-web" } }),
      await askHttp2(port, "POST", `${get}x`, {
        headers: { ...headers, "content-type": "application/grpc-web" },
      }),
    ];
    for (const response of sent) {
      expect(response.headers).toMatchObject({
        "access-control-allow-origin": listed,
        "access-control-expose-headers": expect.stringMatching(
          /ETag.*Duetkv-Revision.*grpc-status-details-bin/,
        ),
        vary: expect.stringContaining("Origin"),
      });
    }
    expect(sent[1]?.headers.vary).toBe("Accept, Origin");
  });

  test("an origin that is not listed is refused as before, and told nothing", async () => {
    const { port } = await serve({ wire: { corsOrigins: new Set([listed]) } });
    const headers = { origin: "https://other.example" };
    const put = await ask(port, "PUT", "/v1/key/a", { headers });
    expect([put.status, reasonOf(put)]).toEqual([403, "ORIGIN_NOT_ALLOWED"]);
    const read = await ask(port, "GET", "/v1/key", { headers });
    expect(read.headers["access-control-allow-origin"]).toBeUndefined();
    expect(read.headers.vary).toBe("Origin");
  });
});

describe("at a loopback address", () => {
  const wire = { allowedHosts: new Set(["db.example"]) };
  const hostOf = (host: string): Ask => ({ headers: { host } });

  test.each([
    "localhost",
    "LOCALHOST:80",
    "a.localhost",
    "localhost.",
    "127.0.0.1:1",
    "127.1.2.3",
    "[::1]:8080",
    "db.example:80",
  ])("Host %s passes", async (host) => {
    const { port } = await serve({ wire });
    expect((await ask(port, "GET", "/v1/key", hostOf(host))).status).toBe(200);
  });

  test.each([
    "evil.example",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "0.0.0.0",
    "db.example.evil",
  ])("Host %s is 403", async (host) => {
    const { port } = await serve({ wire });
    for (const path of ["/v1/key", `${get}?encoding=json&message={}`]) {
      const response = await ask(port, "GET", path, hostOf(host));
      expect([response.status, reasonOf(response)]).toEqual([403, "HOST_NOT_ALLOWED"]);
    }
  });
});
