import { once } from "node:events";
import { connect, type OutgoingHttpHeaders } from "node:http2";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, onTestFinished, test } from "vitest";
import type { ListenerLimits } from "../../src/wire/listener/limits.ts";
import { until } from "../support/until.ts";
import { openSocket, serve } from "./serve.ts";

const MiB = 1024 * 1024;

/** Opens a watch and reads nothing of its response. */
type OpenUnread = (port: number, timeoutMs?: number) => Promise<void>;

/** The request of a stream whose window is 0. */
async function openHttp2(port: number, headers: OutgoingHttpHeaders, body = Buffer.alloc(0)): Promise<void> {
  const session = connect(`http://127.0.0.1:${port}`, { settings: { initialWindowSize: 0 } });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  await once(session, "remoteSettings");
  session
    .request(headers)
    .on("error", () => {})
    .end(body);
}

const streams: readonly [name: string, open: OpenUnread][] = [
  [
    "gRPC",
    (port, timeoutMs = 100_000) =>
      openHttp2(
        port,
        {
          ":method": "POST",
          ":path": "/duetkv.v1.KeyValueService/Watch",
          "content-type": "application/grpc",
          te: "trailers",
          "grpc-timeout": `${timeoutMs}m`,
        },
        Buffer.alloc(5),
      ),
  ],
  [
    "an event stream over HTTP/2",
    (port, timeoutMs = 100_000) =>
      openHttp2(port, { ":path": "/v1/key:watch", "connect-timeout-ms": `${timeoutMs}` }),
  ],
  [
    "an event stream over HTTP/1.1",
    async (port, timeoutMs = 100_000) => {
      const socket = await openSocket(port);
      onTestFinished(() => void socket.destroy());
      socket.pause();
      socket.write(`GET /v1/key:watch HTTP/1.1\r\nHost: x\r\nconnect-timeout-ms: ${timeoutMs}\r\n\r\n`);
    },
  ],
];

/** A server whose watches have a large message at any time. */
async function serveEndlessly(limits: Partial<ListenerLimits> = {}) {
  const state = { ended: 0, pulled: 0 };
  const server = await serve({ listener: { limits } });
  server.memory.watch = async function* () {
    const event = { revision: 1n, events: [{ entry: { key: "k", value: "v".repeat(MiB) } }] };
    try {
      for (;;) {
        state.pulled++;
        yield event;
      }
    } finally {
      state.ended++;
    }
  };
  return { ...server, state };
}

async function expectFailure({ failed, state }: Awaited<ReturnType<typeof serveEndlessly>>, reason: string) {
  await until(() => state.ended > 0);
  await until(() => failed.length > 0);
  expect(failed).toEqual([["watch", reason]]);
}

describe.each(streams)("%s that its client does not read", (_name, open) => {
  test("ends at its deadline", async () => {
    const server = await serveEndlessly();
    await open(server.port, 300);
    await expectFailure(server, "DEADLINE_EXCEEDED");
  });

  test("ends for the age of its connection", async () => {
    const server = await serveEndlessly({ ageMs: 100, ageGraceMs: 100, endingMs: 100_000 });
    await open(server.port);
    await expectFailure(server, "CONNECTION_AGED");
  });

  test("ends at shutdown", async () => {
    const server = await serveEndlessly();
    await open(server.port);
    await until(() => server.state.pulled > 0);
    server.shutdown.abort(new ConnectError("the server stops", Code.Unavailable));
    await until(() => server.state.ended > 0);
  });
});
