import { once } from "node:events";
import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import * as http2 from "node:http2";
import { request as httpsRequest, type RequestOptions } from "node:https";
import { generate } from "selfsigned";
import { beforeAll, describe, expect, test } from "vitest";
import type { Exchange } from "../../../src/wire/call/exchange.ts";
import { until } from "../../support/until.ts";
import { ask, askHttp2, exchangeBytes, openSocket, readAll, reasonOf, serve } from "../serve.ts";

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

describe("cleartext", () => {
  test("speaks both versions on one port", async () => {
    const { port } = await serve();
    expect((await ask(port, "PUT", "/v1/key/a", { body: "x" })).status).toBe(201);
    expect((await askHttp2(port, "GET", "/v1/key/a")).body).toBe("x");
  });

  test("recognises either version when it comes byte by byte", async () => {
    const { port } = await serve();
    const settings = "\0\0\0\x04\0\0\0\0\0";
    const slow = await openSocket(port);
    for (const byte of Buffer.from(preface + settings, "latin1")) {
      slow.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    const [frame] = (await once(slow, "data")) as [Buffer];
    expect(frame[3]).toBe(4); // the server's SETTINGS
    slow.destroy();
    const http1 = await openSocket(port);
    for (const char of "PRINT /v1 HTTP/1.1\r\n".slice(0, 3) + "X") {
      http1.write(char);
      await new Promise(setImmediate);
    }
    expect(await readAll(http1)).toMatch(/^HTTP\/1.1 400 /);
    const put = await openSocket(port);
    for (const char of "PUT /v1/key/a HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 1\r\n\r\nv") {
      put.write(char);
      await new Promise(setImmediate);
    }
    expect(await readAll(put)).toMatch(/^HTTP\/1.1 201 /);
  });

  test("takes pipelined requests", async () => {
    const { port } = await serve();
    const get = "GET /v1/key HTTP/1.1\r\nHost: x\r\n";
    const text = await exchangeBytes(port, `${get}\r\n${get}\r\n${get}Connection: close\r\n\r\n`);
    expect(text.match(/HTTP\/1.1 200 OK/g)).toHaveLength(3);
  });

  test("closes connections that say nothing, too little, or not enough headers in time", async () => {
    const { port } = await serve({ listener: { limits: { prefaceMs: 50 } } });
    expect(await exchangeBytes(port, "")).toBe("");
    expect(await exchangeBytes(port, "PRI * HT")).toBe("");
    const { port: other } = await serve({ listener: { limits: { headersMs: 50 } } });
    expect(await exchangeBytes(other, "GET / HTTP/1.1\r\nHos")).toMatch(/^HTTP\/1.1 408 /);
  });

  test("closes connections that end before they have said which protocol they speak", async () => {
    const { port } = await serve();
    for (const start of ["", "P", "PRI * HTTP/2.0\r\n"]) {
      const socket = await openSocket(port);
      socket.end(start);
      expect(await readAll(socket)).toBe("");
    }
    const socket = await openSocket(port);
    socket.resetAndDestroy();
    expect((await ask(port, "GET", "/v1/key")).status).toBe(200);
  });

  test("takes a key of 1,024 bytes with every byte encoded, and refuses endless headers", async () => {
    const { port } = await serve();
    const path = `/v1/key/${"%C3%A9".repeat(512)}`;
    expect((await ask(port, "PUT", path)).status).toBe(201);
    expect((await askHttp2(port, "GET", path)).status).toBe(200);
    const long = `GET /v1/key/${"a".repeat(40_000)} HTTP/1.1\r\nHost: x\r\n\r\n`;
    expect(await exchangeBytes(port, long)).toMatch(/^HTTP\/1.1 431 /);
  });
});

const head = (host: string): string => `GET /v1/key HTTP/1.1\r\n${host}Connection: close\r\n\r\n`;

test("a client that waits for 100 gets it, unless its headers alone are refused", async () => {
  const { port } = await serve({ limits: { requestBytesMax: 10 } });
  const put = `PUT /v1/key/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nConnection: close\r\nContent-Length: `;
  const socket = await openSocket(port);
  socket.write(`${put}3\r\n\r\n`);
  const [first] = (await once(socket, "data")) as [Buffer];
  expect(first.toString()).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\n$/);
  socket.write("abc");
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 201 /);
  const refused = await openSocket(port);
  refused.write(`${put}11\r\n\r\n`);
  const [answer] = (await once(refused, "data")) as [Buffer];
  expect(answer.toString()).toMatch(/^HTTP\/1.1 413 /);
  refused.destroy();
});

test.each(["/v1/key", "/duetkv.v1.KeyValueService/Get"])(
  "an expectation that is not 100-continue is refused and counted at %s",
  async (path) => {
    const { port, failed } = await serve();
    const headers = { expect: "200-ok", "content-type": "application/json" };
    for (const send of [ask, askHttp2]) {
      const answer = await send(port, path === "/v1/key" ? "GET" : "POST", path, { headers });
      expect([answer.status, reasonOf(answer)]).toEqual([417, "EXPECTATION_UNSUPPORTED"]);
    }
    expect(failed.map(([, reason]) => reason)).toEqual([
      "EXPECTATION_UNSUPPORTED",
      "EXPECTATION_UNSUPPORTED",
    ]);
  },
);

test("what a callback throws resets its stream, is logged and is counted", async () => {
  const ended: string[] = [];
  const throwing = { handleStream: () => fail(), onEnded: (reason: string) => ended.push(reason) };
  const { port, errors } = await serve({ listener: throwing });
  await expect(askHttp2(port, "GET", "/v1/key")).rejects.toThrow(/closed|NGHTTP2|ECONNRESET/);
  expect(ended).toContain("callback_threw");
  expect(errors).toEqual(["HTTP/2 callback threw; stream reset"]);
  expect((await ask(port, "GET", "/v1/key")).status).toBe(200);
});

function fail(): never {
  throw new Error("on purpose");
}

test.each(["connectionsMax", "connectionsPerAddressMax"])(
  "more connections than %s are closed and counted",
  async (name) => {
    const ended: string[] = [];
    const onEnded = (reason: string) => ended.push(reason);
    const { port } = await serve({ listener: { limits: { [name]: 2 }, onEnded } });
    const first = await openSocket(port);
    const second = await openSocket(port);
    expect(await readAll(await openSocket(port))).toBe("");
    expect(ended).toEqual(["too_many_connections"]);
    first.destroy();
    // The place is free once the server has seen the end.
    await expect
      .poll(
        () =>
          ask(port, "GET", "/v1/key").then(
            ({ status }) => status,
            () => 0,
          ),
        { timeout: 30_000 },
      )
      .toBe(200);
    second.destroy();
  },
);

describe("a host", () => {
  test.each([
    ["none", ""],
    ["an empty one", "Host:\r\n"],
    ["one with a space", "Host: a b\r\n"],
    ["one with a path", "Host: a/b\r\n"],
    ["one with a user", "Host: a@b\r\n"],
    ["an open bracket", "Host: [::1\r\n"],
    ["a port that is no number", "Host: a:b\r\n"],
    ["a letter that should be encoded", "Host: \xe9\r\n"],
    ["a query", "Host: a?b\r\n"],
    ["a quote", 'Host: "\r\n'],
  ])("%s is 400 and does no harm", async (_name, line) => {
    const { port, errors } = await serve();
    const rpc = head(line).replace("GET /v1/key", "POST /duetkv.v1.KeyValueService/Get");
    for (const request of [head(line), rpc]) {
      expect(await exchangeBytes(port, Buffer.from(request, "latin1"))).toMatch(/^HTTP\/1.1 400 /);
    }
    expect((await ask(port, "GET", "/v1/key")).status).toBe(200);
    expect(errors).toEqual([]);
  });

  test.each(["a", "a.example:80", "127.0.0.1:1", "[::1]", "[::1]:8080", "a_b", "a:"])(
    "%s is one",
    async (host) => {
      const { port } = await serve();
      expect(await exchangeBytes(port, head(`Host: ${host}\r\n`))).toMatch(/^HTTP\/1.1 200 /);
    },
  );

  test("malformed or missing over HTTP/2 is 400, or a reset by the protocol's own rules", async () => {
    const { port } = await serve();
    for (const authority of ["a b", "a/b", "[", "[::1", "a@b", "a:b", ""]) {
      const outcome = await askHttp2(port, "GET", "/v1/key", { headers: { ":authority": authority } }).then(
        (answer) => answer.status,
        (error: Error) => error.message,
      );
      expect([400, "Stream closed with error code NGHTTP2_PROTOCOL_ERROR"]).toContain(outcome);
    }
    expect((await askHttp2(port, "GET", "/v1/key")).status).toBe(200);
  });
});

test.each([
  ["a length and chunks", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"],
  ["two lengths", "Content-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef"],
  ["chunks that are not the last encoding", "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"],
  ["a space before the colon", "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"],
  ["a length with a sign", "Content-Length: +5\r\n\r\nabcde"],
  ["two hosts", "Host: y\r\n\r\n"],
])("a request with %s gets 400, and what follows it is not served", async (_name, rest) => {
  const { port } = await serve();
  const next = "GET /v1/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const text = await exchangeBytes(port, `POST / HTTP/1.1\r\nHost: x\r\n${rest}${next}`);
  expect(text.match(/HTTP\/1.1 \d+/g)).toEqual(["HTTP/1.1 400"]);
});

describe("a request target", () => {
  test.each([
    ["garbage", "GET garbage HTTP/1.1", 400],
    ["another scheme", "GET ftp://x/v1/key HTTP/1.1", 400],
    ["the asterisk form", "OPTIONS * HTTP/1.1", 404],
    ["the absolute form without a path", "GET http://x HTTP/1.1", 200],
    ["the absolute form with a query only", "GET http://x?a=b HTTP/1.1", 200],
  ])("in %s is answered", async (_name, line, status) => {
    const { port } = await serve();
    const answer = await exchangeBytes(port, `${line}\r\nHost: x\r\nConnection: close\r\n\r\n`);
    expect(Number(answer.slice(9, 12))).toBe(status);
  });

  test("of CONNECT closes the connection or is refused", async () => {
    const { port } = await serve();
    expect(await exchangeBytes(port, "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n")).not.toMatch(/^HTTP\/1.1 2/);
    expect((await ask(port, "GET", "/v1/key")).status).toBe(200);
  });
});

describe("floods", () => {
  test("of garbage leave the server serving", async () => {
    const { port, errors } = await serve();
    const garbage = Buffer.from(Array.from({ length: 4096 }, (_, index) => (index * 7919) % 251));
    const floods = Array.from({ length: 100 }, (_, index) => {
      const start = ["", preface, "GET / HTTP/1.1\r\n", `${preface}\0\0\0\x04\0\0\0\0\0`][index % 4] ?? "";
      return exchangeBytes(port, start, garbage.subarray(index));
    });
    expect((await ask(port, "GET", "/v1/key")).status).toBe(200);
    await Promise.all(floods);
    expect((await askHttp2(port, "GET", "/v1/key")).status).toBe(200);
    expect(errors).toEqual([]);
  });

  test("of cancelled streams do not cut a client off", async () => {
    const { port, memory } = await serve();
    let ended = 0;
    memory.watch = async function* (signal) {
      yield { revision: 1n };
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      ended++;
    };
    const session = http2.connect(`http://127.0.0.1:${port}`);
    for (let round = 0; round < 3; round++) {
      const streams = Array.from({ length: 1000 }, () => session.request({ ":path": "/v1/key:watch" }));
      await Promise.all(streams.map((stream) => once(stream, "data")));
      for (const stream of streams) stream.on("error", () => {}).close(http2.constants.NGHTTP2_CANCEL);
    }
    await expect.poll(() => ended, { timeout: 20_000 }).toBe(3000);
    expect(session.closed).toBe(false);
    session.close();
  });
});

test("one header is what it is among all headers, on both versions", async () => {
  const seen: [one: string | undefined, all: unknown][] = [];
  const handle = (exchange: Exchange): void => {
    for (const name of ["host", "grpc-timeout", "x-list", "absent"])
      seen.push([exchange.header(name), exchange.headers[name]]);
    exchange.respond(200, {}, "");
  };
  const { port } = await serve({ listener: { handle } });
  const headers = { "grpc-timeout": "1S", "x-list": ["a", "b"] };
  for (const send of [ask, askHttp2]) {
    await send(port, "GET", "/", { headers });
    expect(seen.map(([one]) => one)).toEqual([`127.0.0.1:${port}`, "1S", "a, b", undefined]);
    expect(seen.map(([, all]) => all)).toEqual(seen.splice(0).map(([one]) => one));
  }
});

describe("a handler", () => {
  test("that throws is answered with 500, and the next request is served", async () => {
    let thrown = false;
    const handle = (exchange: Exchange): void => {
      if (thrown) return exchange.respond(200, {}, "fine");
      thrown = true;
      throw new Error("x");
    };
    const { port, errors } = await serve({ listener: { handle } });
    expect((await ask(port, "GET", "/")).status).toBe(500);
    expect((await ask(port, "GET", "/")).body).toBe("fine");
    expect(errors).toHaveLength(1);
  });
});

describe("drain", () => {
  test("finishes running calls on both versions, closes the idle, and takes no more", async () => {
    const held: Exchange[] = [];
    const handle = (exchange: Exchange): void => {
      if (exchange.target === "/hold") held.push(exchange);
      else exchange.respond(200, {}, "done");
    };
    const { port, listener } = await serve({ listener: { handle } });
    const agent = new Agent({ keepAlive: true });
    const kept = httpRequest({ host: "127.0.0.1", port, agent, path: "/hold" }).end();
    const session = http2.connect(`http://127.0.0.1:${port}`);
    const stream = session.request({ ":path": "/hold" });
    await expect.poll(() => held.length).toBe(2);
    const silent = await openSocket(port);
    const idle = http2.connect(`http://127.0.0.1:${port}`);
    await once(idle, "remoteSettings");
    const drained = listener.drain(60_000);
    await Promise.all([once(silent, "close"), once(idle, "close"), once(session, "goaway")]);
    await expect(ask(port, "GET", "/")).rejects.toThrow("ECONNREFUSED");
    for (const exchange of held) exchange.respond(200, {}, "held");
    const [response] = (await once(kept, "response")) as [IncomingMessage];
    expect(response.headers.connection).toBe("close");
    expect(Buffer.concat(await response.toArray()).toString()).toBe("held");
    expect(Buffer.concat(await stream.toArray()).toString()).toBe("held");
    await drained;
    agent.destroy();
  });

  test("destroys what does not finish in time", async () => {
    let calls = 0;
    const { port, listener } = await serve({ listener: { handle: () => void calls++ } });
    const outcomes = Promise.allSettled([ask(port, "GET", "/"), askHttp2(port, "GET", "/")]);
    await expect.poll(() => calls).toBe(2);
    await listener.drain(100);
    expect((await outcomes).map((outcome) => outcome.status)).toEqual(["rejected", "rejected"]);
  });
});

const askTls = async (port: number, options: RequestOptions = {}): Promise<string> => {
  const request = httpsRequest({
    host: "127.0.0.1",
    port,
    path: "/v1/key",
    agent: false,
    rejectUnauthorized: false,
    ...options,
  });
  request.end();
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return Buffer.concat(await response.toArray()).toString();
};
// A client that is turned away after a handshake of TLS 1.3 sees an error or just the end, as the bytes happen to fall.
const askTls2 = async (port: number, options: http2.SecureClientSessionOptions = {}): Promise<string> => {
  const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false, ...options });
  session.on("error", () => {});
  const stream = session.request({ ":path": "/v1/key" });
  const chunks = await stream.toArray().catch(() => []);
  session.close();
  return Buffer.concat(chunks).toString();
};

describe("TLS", () => {
  let server: { private: string; cert: string };
  let client: { private: string; cert: string };
  const name = [{ name: "commonName", value: "localhost" }];
  beforeAll(async () => {
    [server, client] = await Promise.all([
      generate(name, { algorithm: "sha256", keyType: "ec" }),
      generate(name, { algorithm: "sha256", keyType: "ec" }),
    ]);
  });

  test("speaks both versions on one port, and cleartext does no harm", async () => {
    const { port } = await serve({ listener: { tls: { key: server.private, cert: server.cert } } });
    expect(await askTls(port)).toContain('"entries"');
    expect(await askTls2(port)).toContain('"entries"');
    expect(await exchangeBytes(port, "GET / HTTP/1.1\r\n\r\n")).not.toContain("200");
    expect(await askTls(port)).toContain('"entries"');
  });

  test("with a client CA lets in who has its certificate, and nobody else", async () => {
    const tls = { key: server.private, cert: server.cert, clientCa: client.cert };
    const { port } = await serve({ listener: { tls } });
    const good = { key: client.private, cert: client.cert };
    const bad = { key: server.private, cert: server.cert };
    expect(await askTls(port, good)).toContain('"entries"');
    expect(await askTls2(port, good)).toContain('"entries"');
    await expect(askTls(port)).rejects.toThrow(/alert|ECONNRESET|hang up|EPIPE/);
    expect(await askTls2(port)).toBe("");
    await expect(askTls(port, bad)).rejects.toThrow(/alert|ECONNRESET|hang up|EPIPE/);
    expect(await askTls2(port, bad)).toBe("");
    expect(await askTls2(port, good)).toContain('"entries"');
  });

  test("counts handshakes that fail or take too long, but not a client that leaves", async () => {
    const ended: string[] = [];
    const tls = { key: server.private, cert: server.cert, clientCa: client.cert };
    const onEnded = (reason: string) => ended.push(reason);
    const { port } = await serve({ listener: { tls, onEnded, limits: { prefaceMs: 500 } } });
    const leaves = await openSocket(port);
    leaves.destroy();
    await exchangeBytes(port, "GET / HTTP/1.1\r\n\r\n");
    await until(() => expect(ended).toEqual(["tls_handshake_failed"]));
    await askTls2(port);
    await until(() => expect(ended).toEqual(["tls_handshake_failed", "tls_handshake_failed"]));
    await readAll(await openSocket(port));
    await until(() => expect(ended.at(-1)).toBe("tls_handshake_timeout"));
    expect(ended).toHaveLength(3);
  });

  test("bytes and connections are counted, TLS included", async () => {
    const { port, listener } = await serve({ listener: { tls: { key: server.private, cert: server.cert } } });
    await askTls(port);
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await once(session, "remoteSettings");
    const { connections, receivedBytes, sentBytes } = listener.traffic;
    expect(connections.h2).toBe(1);
    // A handshake with its certificate, and a response.
    expect(receivedBytes).toBeGreaterThan(600);
    expect(sentBytes).toBeGreaterThan(2000);
    session.destroy();
    await until(() => listener.traffic.connections.h2 === 0);
    expect(listener.traffic.sentBytes).toBeGreaterThanOrEqual(sentBytes);
  });

  test("drains", async () => {
    const { port, listener } = await serve({ listener: { tls: { key: server.private, cert: server.cert } } });
    const agent = new (await import("node:https")).Agent({ keepAlive: true });
    await askTls(port, { agent });
    const session = http2.connect(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
    await once(session, "remoteSettings");
    await Promise.all([listener.drain(60_000), once(session, "close")]);
    await expect(askTls(port)).rejects.toThrow("ECONNREFUSED");
    agent.destroy();
  });

  test("refuses to start with a key that does not fit", async () => {
    await expect(serve({ listener: { tls: { key: client.private, cert: server.cert } } })).rejects.toThrow(
      "key values mismatch",
    );
  });
});
