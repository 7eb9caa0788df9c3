import { mkdtemp, readFile, rm } from "node:fs/promises";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { frameFlags, frameTypes } from "../../src/wire/http2/frame-format.ts";
import { createConnectClient } from "../support/connect-client.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { randomSequence } from "./http2/random-frames.ts";
import { RawClient } from "./http2/raw-client.ts";
import {
  block,
  data,
  frame,
  headers,
  ping,
  type RawFrame,
  resetStream,
  settings,
  windowUpdate,
  word,
} from "./http2/raw-frames.ts";
import type { MemoryReport } from "./report-memory.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

/** Of what the server holds once its garbage is collected, in its heap and buffers and as its process. */
const growthMax = 100 * MiB;
/** At any time: V8 lets garbage wait while its heap is small. */
const peakGrowthMax = 256 * MiB;

let server: ServerProcess;
let directory: string;
let reportFile: string;
const reporter = new URL("report-memory.ts", import.meta.url).href;
let sockets: Socket[] = [];

function openSocket(): Socket {
  const [host, port] = server.address.split(":");
  const socket = connect({ host: host as string, port: Number(port) });
  socket.on("error", () => {});
  sockets.push(socket);
  return socket;
}

const open = (values: Readonly<Record<number, number>> = {}): RawClient =>
  RawClient.open(openSocket(), values);

const fields = (method: string, path: string, ...more: [string, string][]): [string, string][] => [
  [":method", method],
  [":scheme", "http"],
  [":path", path],
  [":authority", "localhost"],
  ...more,
];
const get = (id: number, path = "/v1/key/large"): Buffer => headers(id, true, fields("GET", path));
const put = (id: number): Buffer => headers(id, false, fields("PUT", "/v1/key/body"));
const odd = (count: number): number[] => Array.from({ length: count }, (_, index) => 2 * index + 1);
const repeat = (count: number, bytes: Uint8Array): Buffer => Buffer.concat(Array(count).fill(bytes));

async function residentBytes(): Promise<number> {
  const status = await readFile(`/proc/${server.pid}/status`, "latin1");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * KiB;
}

/** Collects the garbage of the server, and returns what it holds then. */
async function collect(): Promise<MemoryReport> {
  await rm(reportFile, { force: true });
  process.kill(server.pid, "SIGUSR2");
  let text = "";
  await until(async () => (text = await readFile(reportFile, "utf8")));
  return JSON.parse(text) as MemoryReport;
}

/** A client that does nothing wrong, call after call over gRPC and over REST, beside all of it. */
const good = { calls: 0, failures: [] as unknown[], ended: false, done: Promise.resolve() };
const memory = { before: { resident: 0, live: 0 }, most: 0 };

async function behaveWell(): Promise<void> {
  const client = createConnectClient(createGrpcTransport({ baseUrl: `http://${server.address}` }));
  while (!good.ended) {
    try {
      await client.put({ key: "good", value: String(good.calls) });
      const { entry } = await client.get({ key: "good" });
      if (entry?.value !== String(good.calls)) throw new Error("a wrong value");
      const response = await fetch(`http://${server.address}/v1/key/good`);
      if ((await response.text()) !== String(good.calls)) throw new Error("a wrong value over REST");
    } catch (error) {
      good.failures.push(error);
    }
    good.calls++;
    memory.most = Math.max(memory.most, await residentBytes());
  }
}

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "duetkv-test-"));
  reportFile = join(directory, "memory.json");
  server = await startServerProcess(
    ["--log", "memory:", "--inflight-bytes-max", "64MiB", "--watch-queues-bytes-max", "32MiB"],
    { NODE_OPTIONS: `--import ${reporter}`, MEMORY_REPORT: reportFile },
  );
  const body = "v".repeat(MiB - KiB);
  await fetch(`http://${server.address}/v1/key/large`, { method: "PUT", body });
  good.done = behaveWell();
  // Warm: what an honest load leaves behind is not the attackers'.
  for (let round = 0; round < 15; round++) {
    const client = open({ 4: 0x7fff_ffff });
    client.send(windowUpdate(0, 0x7fff_0000), ...odd(10).map((id) => get(id)));
    await Promise.all(odd(10).map((id) => client.response(id)));
    client.socket.destroy();
  }
  await until(() => good.calls > 300);
  memory.before = await collect();
}, 60_000);

afterEach(async () => {
  const { calls } = good;
  await until(() => good.calls > calls + 3);
  expect(good.failures).toEqual([]);
  // While the connections are still open.
  const { resident, live } = await collect();
  expect(live - memory.before.live).toBeLessThanOrEqual(growthMax);
  expect(resident - memory.before.resident).toBeLessThanOrEqual(growthMax);
  for (const socket of sockets) socket.destroy();
  sockets = [];
});

afterAll(async () => {
  good.ended = true;
  await good.done;
  const peakGrowth = memory.most - memory.before.resident;
  console.log(`calls beside: ${good.calls}, memory: at most +${Math.round(peakGrowth / MiB)} MiB`);
  expect(peakGrowth).toBeLessThanOrEqual(peakGrowthMax);
  expect(await server.stop()).toBe(0);
  await rm(directory, { recursive: true });
});

const times = Math.max(1, rounds);

describe("floods are ended, or served at a rate that is allowed:", () => {
  const rapidReset = Buffer.concat(
    odd(30_000).map((id) => Buffer.concat([get(id, "/v1/key"), resetStream(id)])),
  );
  const madeYouReset = Buffer.concat(odd(30_000).map((id) => Buffer.concat([put(id), windowUpdate(id, 0)])));
  const watchResets = Buffer.concat(
    odd(30_000).map((id) => Buffer.concat([get(id, "/v1/key:watch"), windowUpdate(id, 0)])),
  );
  const last = ping(false, Buffer.from("the last"));
  const isLast = ({ type, payload }: RawFrame): boolean =>
    type === frameTypes.ping && payload.toString() === "the last";
  test.each<[string, Uint8Array]>([
    ["rapid reset", rapidReset],
    ["resets that the client provokes", madeYouReset],
    ["resets of watches that the client provokes", watchResets],
    [
      "CONTINUATION",
      Buffer.concat([frame(frameTypes.headers, 0, 1), repeat(1000, frame(frameTypes.continuation, 0, 1))]),
    ],
    [
      "CONTINUATION with headers",
      Buffer.concat([
        frame(frameTypes.headers, 0, 1),
        repeat(64, frame(frameTypes.continuation, 0, 1, Buffer.alloc(16_384))),
      ]),
    ],
    ["SETTINGS", repeat(30_000, settings({ 4: 1 }))],
    ["PING", repeat(30_000, ping())],
    ["PRIORITY", repeat(30_000, frame(frameTypes.priority, 0, 1, Buffer.concat([word(3), Buffer.of(0)])))],
    ["empty DATA", Buffer.concat([put(1), repeat(30_000, data(1, ""))])],
    ["small WINDOW_UPDATE", repeat(30_000, windowUpdate(0, 1))],
    ["unknown frames", repeat(30_000, frame(99, 0, 0))],
  ])("%s", async (_name, bytes) => {
    for (let round = 0; round < times; round++) {
      const clients = Array.from({ length: 3 }, () => open());
      await Promise.all(clients.map((client) => client.sendAll(Buffer.concat([bytes, last]))));
      // A slow machine may take the frames at a rate that is allowed: then they are answered.
      await Promise.all(clients.map((client) => Promise.race([client.whenClosed(), client.frame(isLast)])));
    }
  });
});

describe("what is held is bounded:", () => {
  test.each([0, 1])("responses behind a window of %i", async (window) => {
    const client = open({ 4: window });
    await client.sendAll(Buffer.concat(odd(1000).map((id) => get(id))));
    await client.frame(({ type }) => type === frameTypes.resetStream);
    await delay(1000);
  });

  test("watches with include_existing behind a window of 0", async () => {
    const client = open({ 4: 0 });
    await client.sendAll(Buffer.concat(odd(500).map((id) => get(id, "/v1/key:watch?include_existing=true"))));
    await delay(2000);
  });

  test("unfinished bodies over HTTP/2", async () => {
    const client = open();
    for (const id of odd(1000)) {
      if (client.isClosed) break;
      await client.sendAll(Buffer.concat([put(id), ...Array(4).fill(data(id, Buffer.alloc(16_384)))]));
    }
    await delay(1000);
  });

  test("unfinished bodies and unread responses over HTTP/1.1", async () => {
    for (let connection = 0; connection < 20; connection++) {
      const body = openSocket();
      body.write("PUT /v1/key/body HTTP/1.1\r\nHost: x\r\nContent-Length: 1040000\r\n\r\n");
      body.write(Buffer.alloc(MiB - 16 * KiB));
      const unread = openSocket();
      unread.pause();
      unread.write("GET /v1/key/large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2));
    }
    await delay(2000);
  });

  test("one pipeline of HTTP/1.1 with a thousand large responses that nobody reads", async () => {
    const socket = openSocket();
    socket.pause();
    socket.write("GET /v1/key/large HTTP/1.1\r\nHost: x\r\n\r\n".repeat(1000));
    await delay(2000);
  });

  test("10,000 streams on one connection", async () => {
    const client = open();
    await client.sendAll(Buffer.concat(odd(10_000).map(put)));
    await client.frame(({ type }) => type === frameTypes.resetStream);
  });

  test("10,000 watches on one connection", async () => {
    const client = open();
    await client.sendAll(Buffer.concat(odd(10_000).map((id) => get(id, "/v1/key:watch"))));
    await client.frame(({ streamId }) => streamId === 19_999);
  });

  test("header bombs of references to the table", async () => {
    const literal = Buffer.concat([Buffer.of(0x40, 1, 0x78, 0x7f, 0xa1, 0x1e), Buffer.alloc(4000, "v")]);
    const bomb = Buffer.concat([block(fields("GET", "/")), literal, Buffer.alloc(10_000, 0xbe)]);
    const flags = frameFlags.endHeaders | frameFlags.endStream;
    const client = open();
    await client.sendAll(Buffer.concat(odd(500).map((id) => frame(frameTypes.headers, flags, id, bomb))));
    await client.response(999);
  });

  test("2,000 connections that say nothing, or too little", async () => {
    for (let connection = 0; connection < 2000; connection++) {
      const socket = openSocket();
      if (connection % 3 === 1) socket.write("PRI * HTTP/2.0\r\n");
      if (connection % 3 === 2) socket.write("GET / HTTP/1.1\r\nHos");
    }
    await delay(2000);
  });

  test("slow headers, bodies and frames", async () => {
    const beginnings = [
      "GET / HTTP/1.1\r\nX: ",
      "PUT /v1/key/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
      "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0\0\0\x40\x01\x04",
    ];
    const slow = Array.from({ length: 300 }, () => openSocket());
    for (const [at, socket] of slow.entries()) socket.write(beginnings[at % beginnings.length] as string);
    for (let turn = 0; turn < 20; turn++) {
      for (const socket of slow) if (socket.writable) socket.write("x");
      await delay(100);
    }
  });
});

describe("requests that break rules are refused:", () => {
  const post = (path: string, type: string, body: string | Uint8Array, more: Record<string, string> = {}) =>
    fetch(`http://${server.address}${path}`, {
      method: "POST",
      body,
      headers: { "content-type": type, ...more },
    });

  test("compressed bombs", async () => {
    const bomb = gzipSync(Buffer.alloc(100 * MiB));
    const path = "/duetkv.v1.KeyValueService/Commit";
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post(path, "application/proto", bomb, { "content-encoding": "gzip" })),
    );
    for (const { status } of answers) expect(status).toBe(429);
  });

  test("compressed bombs by GET, on one connection", async () => {
    const message = brotliCompressSync(Buffer.alloc(4 * MiB - KiB)).toString("base64url");
    const query = `connect=v1&encoding=proto&base64=1&compression=br&message=${message}`;
    const ids = odd(100);
    const client = open();
    client.send(windowUpdate(0, 0x7fff_0000));
    await client.sendAll(Buffer.concat(ids.map((id) => get(id, `/duetkv.v1.KeyValueService/Get?${query}`))));
    await Promise.all(ids.map((id) => client.response(id)));
  });

  test("deep and hostile JSON", async () => {
    for (const body of [
      "[".repeat(MiB),
      `{"checks":${"[".repeat(MiB)}`,
      '{"__proto__":{"a":1}}',
      '{"checks":[],"checks":[]}',
    ])
      expect((await post("/v1/key:commit", "application/json", body)).status).toBe(400);
  });

  test("protobuf with millions of elements, huge lengths and groups", async () => {
    const bodies = [
      repeat(1_900_000, Buffer.of(0x12, 0)),
      Buffer.of(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f),
      repeat(MiB, Buffer.of(0x13)),
    ];
    for (const body of bodies)
      expect((await post("/duetkv.v1.KeyValueService/Commit", "application/proto", body)).status).toBe(400);
  });

  test("random frames", async () => {
    console.log(`SEED=${seed}`);
    const random = createRandom(seed);
    for (let connection = 0; connection < 500 * times; connection++) {
      const socket = openSocket();
      socket.resume().end(randomSequence(random));
    }
    await delay(1000);
  });
});
