import { once } from "node:events";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { Exchange } from "../../../../src/wire/call/exchange.ts";
import { ByteBudget } from "../../../../src/wire/http2/byte-budget.ts";
import type { ListenerLimits } from "../../../../src/wire/listener/limits.ts";
import { until } from "../../../support/until.ts";
import { ask, openSocket, readAll, reasonOf, serve } from "../../serve.ts";

const MiB = 1024 * 1024;
const KiB = 1024;

async function serveHttp1(
  limits: Partial<ListenerLimits>,
  handle?: (exchange: Exchange) => void,
  budgetBytes = 64 * MiB,
) {
  const ended: string[] = [];
  const budget = new ByteBudget(budgetBytes);
  const server = await serve({
    listener: { limits, budget, onEnded: (reason) => ended.push(reason), ...(handle && { handle }) },
  });
  return { ...server, ended, budget };
}

/** Larger than what the kernel takes for a client that does not read. */
const large = Buffer.alloc(16 * MiB, "v");

function respondLarge(exchange: Exchange): void {
  exchange.respond(200, {}, exchange.target === "/large" ? large : "small");
}

const put = (length: number): string =>
  `PUT /v1/key/a HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`;
const get = "GET /large HTTP/1.1\r\nHost: x\r\n\r\n";

async function openUnread(port: number, ...requests: string[]): Promise<Socket> {
  const socket = await openSocket(port);
  socket.pause();
  socket.write(requests.join(""));
  return socket;
}

describe("a client that takes too long", () => {
  test("over a request body is answered with 408 and counted", async () => {
    const { port, ended } = await serveHttp1({ stallMs: 100 });
    const socket = await openSocket(port);
    socket.write(`${put(10)}abc`);
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 408 /);
    expect(ended).toEqual(["body_stalled"]);
  });

  test("over a request body that never stalls is disconnected and counted", async () => {
    const { port, ended } = await serveHttp1({ requestMs: 200, headersMs: 200 });
    const socket = await openSocket(port);
    socket.write(put(100_000));
    const trickle = setInterval(() => socket.write("x"), 10);
    // What is on the way when the server closes may reset the connection before the client reads 408.
    await until(() => ended.length > 0);
    clearInterval(trickle);
    expect(ended).toEqual(["body_timeout"]);
  });

  test("over headers is answered with 408 and counted", async () => {
    const { port, ended } = await serveHttp1({ headersMs: 50 });
    const socket = await openSocket(port);
    socket.write("GET / HTTP/1.1\r\nHos");
    expect(await readAll(socket)).toMatch(/^HTTP\/1.1 408 /);
    expect(ended).toEqual(["header_timeout"]);
  });

  describe("over headers which a pipeline holds up", () => {
    /** The second response waits for the first one, and is large enough for Node to read no more requests. */
    async function openPaused() {
      const waiting: Exchange[] = [];
      const server = await serveHttp1({ headersMs: 50 }, (exchange) => {
        if (exchange.target === "/large") exchange.respond(200, {}, Buffer.alloc(100 * KiB));
        else waiting.push(exchange);
      });
      const socket = await openSocket(server.port);
      socket.resume().write("GET /first HTTP/1.1\r\nHost: x\r\n\r\n");
      await until(() => waiting.length === 1);
      socket.write(`${get}GET /third HTTP/1.1\r\nHost: x\r\n\r\nGET /fourth HTTP/1.1\r\nHos`);
      await until(() => waiting.length === 2);
      // Its headers began later, and are over their time when those of the pipeline are.
      const other = await openSocket(server.port);
      other.resume().write("GET / HTTP/1.1\r\nHos");
      await until(() => server.ended.length > 0);
      expect(server.ended).toEqual(["header_timeout"]);
      waiting.shift()?.respond(200, {}, "");
      return { ...server, socket, waiting };
    }

    test("is served when it sends the rest", async () => {
      const { ended, socket, waiting } = await openPaused();
      socket.write("t: x\r\n\r\n");
      await until(() => waiting.length === 2);
      expect(waiting[1]?.target).toBe("/fourth");
      expect(ended).toEqual(["header_timeout"]);
      socket.destroy();
    });

    test("is disconnected when it does not", async () => {
      const { ended, socket } = await openPaused();
      await once(socket, "close");
      expect(ended).toEqual(["header_timeout", "header_timeout"]);
    });
  });

  test("over a whole response is disconnected and counted, and its bytes are free again", async () => {
    const { port, ended, budget } = await serveHttp1({ stallMs: 200 }, respondLarge);
    const socket = await openUnread(port, get);
    await until(() => budget.used > 0);
    await until(() => ended.length > 0);
    expect(ended).toEqual(["response_stalled"]);
    await until(() => budget.used === 0);
    socket.destroy();
  });

  test("over an event stream is disconnected and counted", async () => {
    async function stream(exchange: Exchange): Promise<void> {
      exchange.begin(200, {});
      while (!exchange.gone) if (!exchange.write(large)) await exchange.drained();
    }
    const { port, ended, budget } = await serveHttp1({ stallMs: 200 }, (exchange) => void stream(exchange));
    const socket = await openUnread(port, get);
    await until(() => ended.length > 0);
    expect(ended).toEqual(["response_stalled"]);
    await until(() => budget.used === 0);
    socket.destroy();
  });

  test("but makes progress gets its response", async () => {
    const { port, ended } = await serveHttp1({ stallMs: 1500 }, respondLarge);
    const socket = await openUnread(port, get);
    let bytes = 0;
    socket.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      // A pause after each MiB, 3.2 s in all.
      if (bytes % MiB < chunk.length) {
        socket.pause();
        setTimeout(() => socket.resume(), 200);
      }
    });
    socket.resume();
    await until(() => bytes > large.length);
    expect(ended).toEqual([]);
    socket.destroy();
  });

  test("and waits for its handler is not disconnected", async () => {
    const { port, ended } = await serveHttp1({ stallMs: 50 }, (exchange) => {
      setTimeout(() => exchange.respond(200, {}, "late"), 400);
    });
    // More than Node reads ahead of a handler.
    const body = Buffer.alloc(MiB);
    expect((await ask(port, "PUT", "/", { body })).body).toBe("late");
    expect(ended).toEqual([]);
  });
});

test("an idle connection is closed and counted", async () => {
  const { port, ended } = await serveHttp1({ keepAliveMs: 50 });
  const socket = await openSocket(port);
  socket.write("GET /v1/key HTTP/1.1\r\nHost: x\r\n\r\n");
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200 /);
  expect(ended).toEqual(["idle"]);
});

describe("what a client makes the server hold is bounded:", () => {
  test("unfinished bodies are refused with OVERLOADED beyond it, and others are served", async () => {
    const { port, ended, budget } = await serveHttp1({}, undefined, 2 * MiB);
    const sockets = await Promise.all(Array.from({ length: 8 }, () => openSocket(port)));
    const answers = sockets.map((socket) => once(socket, "data"));
    for (const socket of sockets)
      socket.write(Buffer.concat([Buffer.from(put(MiB)), Buffer.alloc(512 * KiB)]));
    const [first] = (await Promise.race(answers)) as [Buffer];
    expect(String(first)).toMatch(/^HTTP\/1.1 503 [^]*retry-after: 1[^]*OVERLOADED/i);
    await until(() => ended.length >= 4);
    expect(new Set(ended)).toEqual(new Set(["total_bytes"]));
    expect(budget.used).toBeLessThanOrEqual(2 * MiB);
    expect((await ask(port, "PUT", "/v1/key/b", { body: "x" })).status).toBe(201);
    for (const socket of sockets) socket.destroy();
    await until(() => budget.used === 0);
  });

  test("unread responses cut their connections off beyond it, and others are served", async () => {
    const { port, ended, budget } = await serveHttp1({}, respondLarge, 40 * MiB);
    const sockets = await Promise.all(Array.from({ length: 6 }, () => openUnread(port, get)));
    await until(() => ended.length >= 3);
    expect(new Set(ended)).toEqual(new Set(["total_bytes"]));
    expect(budget.used).toBeLessThanOrEqual(40 * MiB);
    expect((await ask(port, "GET", "/")).body).toBe("small");
    for (const socket of sockets) socket.destroy();
    await until(() => budget.used === 0);
  });

  test("unread responses of one pipeline cut it off", async () => {
    const { port, ended, budget } = await serveHttp1({ connectionBytesMax: 32 * MiB }, respondLarge);
    const socket = await openUnread(port, get.repeat(200));
    await until(() => ended.length > 0);
    expect(ended).toEqual(["connection_bytes"]);
    await until(() => budget.used === 0);
    socket.destroy();
  });

  test("a body in many parts that is read frees what it held", async () => {
    const { port, budget } = await serveHttp1({});
    for (let round = 0; round < 3; round++) {
      expect((await ask(port, "PUT", "/v1/key/a", { body: Buffer.alloc(MiB) })).status).toBe(201);
    }
    await until(() => budget.used === 0);
  });
});

describe("the rest of a body that is refused by its headers", () => {
  const chunked = "Host: x\r\nTransfer-Encoding: chunked\r\n";
  test.each([
    ["an unknown route", `POST /nope HTTP/1.1\r\n${chunked}`, 404],
    ["a wrong method", `POST /v1/openapi.json HTTP/1.1\r\n${chunked}`, 405],
    ["an expectation", `PUT /v1/key/a HTTP/1.1\r\n${chunked}Expect: 200-ok\r\n`, 417],
    ["no body in the response", `HEAD /nope HTTP/1.1\r\n${chunked}`, 404],
  ])("is read up to 16 MiB, then the connection ends: %s", async (_name, head, status) => {
    const { port } = await serveHttp1({});
    const socket = await openSocket(port);
    let response = "";
    socket.on("data", (data: Buffer) => (response += data));
    // The end may come as a reset.
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(`${head}\r\n`);
    const chunk = Buffer.from(`10000\r\n${"x".repeat(64 * KiB)}\r\n`);
    let sent = 0;
    for (; !socket.destroyed && sent < 64 * MiB; sent += chunk.length) {
      if (!socket.write(chunk)) await Promise.race([new Promise((r) => socket.once("drain", r)), closed]);
    }
    expect(sent).toBeLessThan(40 * MiB);
    expect(response).toMatch(new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, "i"));
    await closed;
  });

  test("is dropped while a response takes long that does not need it", async () => {
    const { port, memory, errors } = await serveHttp1({});
    memory.watch = async function* (signal) {
      yield { revision: 1n };
      await once(signal, "abort");
    };
    const socket = await openSocket(port);
    socket.write(`GET /v1/key:watch HTTP/1.1\r\n${chunked}\r\n`);
    socket.write(`10000\r\n${"x".repeat(64 * KiB)}\r\n`.repeat(500));
    await until(() => socket.writableLength === 0);
    expect(errors).toEqual([]);
    socket.destroy();
  });

  test("is read for the sake of the next request when it is short", async () => {
    const { port } = await serveHttp1({});
    const socket = await openSocket(port);
    socket.write("POST /nope HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n");
    const [first] = (await once(socket, "data")) as [Buffer];
    expect(String(first)).toMatch(/^HTTP\/1.1 404 /);
    socket.write("helloGET /v1/key HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    expect(await readAll(socket)).toMatch(/HTTP\/1.1 200 /);
  });
});

describe("what Node refuses by itself is counted:", () => {
  test.each([
    ["garbage", "NONSENSE\r\n\r\n", 400, "malformed_request"],
    ["two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400, "malformed_request"],
    [
      "large headers",
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(40_000)}\r\n\r\n`,
      431,
      "header_list_too_large",
    ],
  ])("%s", async (_name, request, status, reason) => {
    const { port, ended } = await serveHttp1({});
    const socket = await openSocket(port);
    socket.write(request);
    expect(Number((await readAll(socket)).slice(9, 12))).toBe(status);
    expect(ended).toEqual([reason]);
  });

  test("a connection that says too little", async () => {
    const { port, ended } = await serveHttp1({ prefaceMs: 30 });
    expect(await readAll(await openSocket(port))).toBe("");
    expect(ended).toEqual(["preface_timeout"]);
  });

  test("a second request in a pipeline that is malformed is not answered in the place of the first", async () => {
    let isCalled = false;
    const { port, ended } = await serveHttp1({}, () => {
      isCalled = true;
    });
    const socket = await openSocket(port);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await until(() => isCalled);
    socket.write("NONSENSE\r\n\r\n");
    expect(await readAll(socket)).toBe("");
    expect(ended).toEqual(["malformed_request"]);
  });

  test("a second request in a pipeline that is malformed does not corrupt the response before it", async () => {
    const { port, ended } = await serveHttp1({}, (exchange) => {
      exchange.begin(200, { "content-length": "100" });
      exchange.write("begun");
    });
    const socket = await openSocket(port);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    socket.write("NONSENSE\r\n\r\n");
    expect(await readAll(socket)).not.toContain("HTTP/1.1 400");
    expect(ended).toEqual(["malformed_request"]);
  });
});

test("a connection past its age ends with its next response", async () => {
  const { port, ended } = await serveHttp1({ ageMs: 100 });
  const socket = await openSocket(port);
  const request = "GET /v1/key HTTP/1.1\r\nHost: x\r\n\r\n";
  socket.write(request);
  const [first] = (await once(socket, "data")) as [Buffer];
  expect(String(first)).toContain("Connection: keep-alive");
  await until(() => ended.includes("age"));
  socket.write(request);
  expect(await readAll(socket)).toMatch(/^HTTP\/1.1 200 [^]*Connection: close/);
  expect(ended).toEqual(["age"]);
});

test("a response that outlives the age of its connection is cut off after a grace", async () => {
  const { port, ended } = await serveHttp1({ ageMs: 50, ageGraceMs: 50, endingMs: 50 }, (exchange) =>
    exchange.begin(200, {}),
  );
  const socket = await openUnread(port, get);
  socket.resume();
  await once(socket, "close");
  expect(ended).toEqual(["age", "drain_timeout"]);
});

test("an RPC that is refused before its body came, and a 405 of the OpenAPI document, are counted", async () => {
  const { port, failed } = await serve();
  const answer = await ask(port, "POST", "/v1/openapi.json");
  expect([answer.status, reasonOf(answer)]).toEqual([405, "METHOD_NOT_ALLOWED"]);
  expect(failed).toEqual([["", "METHOD_NOT_ALLOWED"]]);
});

describe("a pipeline of requests whose responses take long", () => {
  const request = "GET /v1/key/a HTTP/1.1\r\nHost: x\r\n\r\n";

  test("counts as held, and is free when they are there", async () => {
    const waiting: Exchange[] = [];
    const { port, ended, budget } = await serveHttp1({}, (exchange) => waiting.push(exchange));
    const socket = await openSocket(port);
    socket.write(request.repeat(100));
    await until(() => waiting.length === 100);
    expect(budget.used).toBe(99 * (4 * KiB + "/v1/key/aHostx".length));
    for (const exchange of waiting) exchange.respond(200, {}, "");
    await until(() => budget.used === 0);
    expect(ended).toEqual([]);
    socket.destroy();
  });

  test("ends with its connection when there is no room for another one", async () => {
    let handled = 0;
    const { port, ended, budget } = await serveHttp1({ connectionBytesMax: MiB }, () => void handled++);
    const socket = await openSocket(port);
    socket.write(request.repeat(300));
    await once(socket.resume(), "close");
    expect([ended, handled]).toEqual([["connection_bytes"], 256]);
    await until(() => budget.used === 0);
  });
});
