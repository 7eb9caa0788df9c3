import { describe, expect, test } from "vitest";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import { until } from "../../support/until.ts";
import { openSession, request } from "./http2-client.ts";
import { MemorySocket } from "./memory-socket.ts";
import { headers as headersFrame, opening } from "./raw-frames.ts";
import { BodyHandler, okHeaders, serveHttp2 } from "./serve-http2.ts";

describe("node:http2 as a client", () => {
  test("gets headers, body and trailers", async () => {
    const { port } = await serveHttp2();
    const response = await request(openSession(port), {}, Buffer.from("hello"));
    expect(response).toMatchObject({ status: 200, trailers: { "x-done": "yes" } });
    expect(response.headers["content-type"]).toBe("text/plain");
    expect(response.body.toString()).toBe("hello");
  });

  test.each([1, 16_384, 16_385, 65_535, 1_000_000, 10_000_000])(
    "gets back a body of %i bytes",
    async (length) => {
      const { port } = await serveHttp2();
      const body = Buffer.alloc(length, "abcdefghijklmnopqrstuvwxyz0123456789");
      const response = await request(openSession(port), {}, body);
      expect(response.body.equals(body)).toBe(true);
      expect(response.trailers["x-done"]).toBe("yes");
    },
  );

  test("has thousands of calls at a time on one connection", async () => {
    const { port, ends } = await serveHttp2();
    const session = openSession(port);
    const bodies = Array.from({ length: 3000 }, (_, number) => Buffer.from(`body ${number}`));
    const responses = await Promise.all(bodies.map((body) => request(session, {}, body)));
    expect(responses.map((response) => response.body.toString())).toEqual(bodies.map(String));
    expect(ends).toEqual([]);
  });

  test("gets response headers that need CONTINUATION", async () => {
    const value = "v".repeat(20_000);
    const { port } = await serveHttp2({
      onStream: (stream) => stream.respondAndEnd(ResponseHeaders.status(200), ["x-1", value, "x-2", value]),
    });
    const response = await request(openSession(port, { maxHeaderListPairs: 100 }));
    expect(response.headers["x-1"]).toBe(value);
    expect(response.headers["x-2"]).toBe(value);
  });

  test("gets 100 before it sends a body that it asks leave for", async () => {
    const { port } = await serveHttp2();
    const session = openSession(port);
    const stream = session.request({ ":method": "POST", expect: "100-continue" });
    await new Promise<void>((resolve) => stream.on("continue", resolve));
    stream.end("now");
    const text = await new Promise<string>((resolve) => {
      let received = "";
      stream.on("data", (chunk: Buffer) => (received += chunk.toString()));
      stream.on("end", () => resolve(received));
    });
    expect(text).toBe("now");
  });
});

describe("a handler", () => {
  test("gets the same headers object for equal requests, with the varying header beside it", async () => {
    const seen: { headers: unknown; varying: string | undefined }[] = [];
    const { port } = await serveHttp2({
      varyingHeader: "grpc-timeout",
      onStream: (stream) => {
        seen.push({ headers: stream.headers, varying: stream.varying });
        stream.respondAndEnd(okHeaders);
      },
    });
    const session = openSession(port);
    for (const timeout of ["1S", "2S", "2S", "3S"]) await request(session, { "grpc-timeout": timeout });
    expect(new Set(seen.map(({ headers }) => headers)).size).toBe(1);
    expect(seen.map(({ varying }) => varying)).toEqual(["1S", "2S", "2S", "3S"]);
  });

  test("that throws loses its stream only", async () => {
    const { port, errors, ends } = await serveHttp2({
      onStream: (stream) => {
        if (stream.headers.path === "/throw") throw new Error("from the handler");
        stream.handler = new BodyHandler(stream, (body) =>
          stream.respondWhole(okHeaders, body, 0, body.length),
        );
      },
    });
    const session = openSession(port);
    await expect(request(session, { ":path": "/throw" })).rejects.toThrow("INTERNAL_ERROR");
    expect((await request(session, {}, Buffer.from("next"))).body.toString()).toBe("next");
    expect(errors).toEqual([new Error("from the handler")]);
    expect(ends).toEqual(["handler_error"]);
  });
});

test("a socket that is closed already is not kept", async () => {
  const { server } = await serveHttp2();
  const socket = new MemorySocket();
  socket.destroy();
  await until(() => socket.closed);
  server.accept(socket.asSocket);
  expect(server.connections.size).toBe(0);
});

test("thousands of connections that are written to in one turn take a few KiB each", async () => {
  const { server } = await serveHttp2();
  const count = 2000;
  const sockets = Array.from({ length: count }, () => new MemorySocket());
  const before = process.memoryUsage().arrayBuffers;
  for (const socket of sockets) server.accept(socket.asSocket);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(count * 32 * 1024);
  for (const socket of sockets) socket.push(Buffer.concat([opening(), headersFrame(1, true)]));
  await until(() => sockets.every(({ written }) => written > 60));
  for (const socket of sockets) socket.destroy();
});
