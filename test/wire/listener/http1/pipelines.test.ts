import { once } from "node:events";
import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createConfiguration } from "../../../../src/config/configuration.ts";
import { silentLogger } from "../../../../src/logging.ts";
import { openServer } from "../../../../src/server.ts";
import { MemoryTransactionLogger } from "../../../../src/transaction-log/memory/memory-transaction-logger.ts";
import { openListener } from "../../../../src/wire/listener/listener.ts";
import { until } from "../../../support/until.ts";

async function open() {
  const configuration = createConfiguration({ listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" }, {});
  const server = await openServer(configuration, async () => new MemoryTransactionLogger(), silentLogger);
  onTestFinished(() => server.close());
  const socket = connect(server.address.port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk.toString();
  });
  return { server, socket, received: () => received };
}

/** A request for the key "a" of HTTP/1.1. */
function request(method: string, body = "", headers: Readonly<Record<string, string>> = {}): string {
  const all = {
    host: "localhost",
    ...(body !== "" && { "content-length": String(body.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} /v1/key/a HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}

/** Status, revision and body of each response. */
function responsesIn(received: string): (readonly [status: string, revision: string, body: string])[] {
  return received.split(/(?=HTTP\/1\.1 )/).map((response) => {
    const [head = "", body = ""] = response.split("\r\n\r\n");
    const revision = /^duetkv-revision: (\d+)/im.exec(head)?.[1] ?? "";
    return [
      head.slice("HTTP/1.1 ".length, "HTTP/1.1 200".length),
      revision,
      body.startsWith("{") ? "" : body,
    ];
  });
}

test("requests in a pipeline with writes are handled one after the other", async () => {
  const { socket, received } = await open();
  const last = { connection: "close" };
  socket.write(
    [
      request("GET"),
      request("PUT", "x"),
      request("GET"),
      request("DELETE"),
      request("PUT", "yy"),
      request("GET"),
      request("PUT", "z", { "if-match": '"3"' }),
      request("GET", "", last),
    ].join(""),
  );
  await once(socket, "close");
  expect(responsesIn(received())).toEqual([
    ["404", "0", ""],
    ["201", "1", ""],
    ["200", "1", "x"],
    ["200", "2", ""],
    ["201", "3", ""],
    ["200", "3", "yy"],
    ["201", "4", ""],
    ["200", "4", "z"],
  ]);
});

test("a write whose body comes late holds up what follows it in the pipeline, and a continue comes in its turn", async () => {
  const { socket, received } = await open();
  const put = request("PUT", "late");
  socket.write(put.slice(0, -2));
  const body = { expect: "100-continue", "content-length": "3" };
  socket.write(put.slice(-2) + request("GET") + request("PUT", "", body));
  await until(() => received().includes("100 Continue"));
  socket.write(`new${request("GET", "", { connection: "close" })}`);
  await once(socket, "close");
  const responses = responsesIn(received()).map(([status, , text]) => `${status} ${text}`.trim());
  expect(responses).toEqual(["201", "200 late", "100", "201", "200 new"]);
});

test("a write behind the last response of a connection is not begun", async () => {
  const handled: string[] = [];
  const listener = await openListener({
    address: { host: "127.0.0.1", port: 0 },
    handle(exchange) {
      handled.push(exchange.method);
      exchange.respond(200, { connection: "close" }, "");
    },
    handleStream() {},
    log: silentLogger,
  });
  onTestFinished(() => listener.drain(0));
  const socket = connect(listener.address.port, "127.0.0.1").resume();
  socket.write(request("DELETE") + request("PUT", "x") + request("PUT", "y"));
  await once(socket, "close");
  expect(handled).toEqual(["DELETE"]);
});

test("a write that waits in a pipeline is not begun when its client has gone", async () => {
  const { server, socket } = await open();
  const url = `http://127.0.0.1:${server.address.port}/v1/key/a`;
  expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(201);
  const watch = "GET /v1/key:watch HTTP/1.1\r\nhost: localhost\r\n\r\n";
  // Without a body, whose end would never come.
  socket.write(watch + request("DELETE"));
  await once(socket, "data");
  socket.destroy();
  await once(socket, "close");
  // Its end has been seen by the time that another connection has opened and closed a watch.
  const response = await fetch(`http://127.0.0.1:${server.address.port}/v1/key:watch`);
  await response.body?.cancel();
  expect((await fetch(url)).status).toBe(200);
});
