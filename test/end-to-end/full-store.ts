import { Agent, request as httpRequest } from "node:http";
import { expect, onTestFinished } from "vitest";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { metric, next, open, watch } from "./watch-server.ts";

/** What a write was answered with: OK, or the reason of the error. */
type Outcome = string;

const agent = new Agent({ keepAlive: true, maxSockets: 16 });

async function send(
  server: ServerProcess,
  method: string,
  path: string,
  body: string | Buffer,
  contentType = "application/json",
): Promise<Outcome> {
  const response = await new Promise<{ status: number; text: string }>((resolve, reject) => {
    const sent = httpRequest(
      `http://${server.address}${path}`,
      { method, agent, headers: { "content-type": contentType, "content-length": Buffer.byteLength(body) } },
      (incoming) => {
        let text = "";
        incoming.setEncoding("utf8").on("data", (chunk) => (text += chunk));
        incoming.on("end", () => resolve({ status: incoming.statusCode ?? 0, text }));
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
  return response.status < 300 ? "OK" : JSON.parse(response.text).details[0].debug.reason;
}

const commit = (server: ServerProcess, mutations: readonly object[]) =>
  send(server, "POST", "/v1/key:commit", JSON.stringify({ mutations }));

/** Calls `write` with 0, 1, 2 … until the store is full; resolves with how often that went well. */
async function fill(write: (index: number) => Promise<Outcome>, parallel: number): Promise<number> {
  let index = 0;
  let written = 0;
  let full = false;
  const writer = async () => {
    while (!full) {
      const outcome = await write(index++);
      if (outcome === "STORE_FULL") full = true;
      // Under a small bound of the queue a write may have to be repeated.
      else if (outcome !== "OVERLOADED") expect(outcome).toBe("OK");
      if (outcome === "OK") written++;
    }
  };
  await Promise.all(Array.from({ length: parallel }, writer));
  return written;
}

async function deleteAll(server: ServerProcess): Promise<void> {
  for (;;) {
    const { body } = await request(`http://${server.address}`, "GET", "/v1/key?keys_only=true");
    const { entries = [] } = JSON.parse(body.toString()) as { entries?: { key: string }[] };
    if (entries.length === 0) return;
    expect(
      await commit(
        server,
        entries.map(({ key }) => ({ delete: { key } })),
      ),
    ).toBe("OK");
  }
}

interface Filling {
  readonly name: string;
  readonly parallel: number;
  readonly write: (server: ServerProcess, index: number) => Promise<Outcome>;
}

const fillings: readonly Filling[] = [
  {
    name: "small entries",
    parallel: 2,
    write: (server, index) =>
      commit(
        server,
        Array.from({ length: 1000 }, (_, each) => ({ put: { key: `small/${index}/${each}`, value: "v" } })),
      ),
  },
  {
    name: "large entries",
    parallel: 2,
    write: (server, index) =>
      send(server, "PUT", `/v1/key/large/${index}`, "x".repeat(200_000), "text/plain"),
  },
  {
    name: "bytes",
    parallel: 8,
    write: (server, index) =>
      send(server, "PUT", `/v1/key/bytes/${index}`, Buffer.alloc(8000), "application/octet-stream"),
  },
  {
    name: "entries with long URLs",
    parallel: 16,
    write: (server, index) =>
      send(
        server,
        "PUT",
        `/v1/key/a-key-from-a-long-url/${index}?${"&".repeat(12_000)}`,
        "x".repeat(1500),
        "text/plain",
      ),
  },
];

/**
 * Fills the store with entries of each kind until it is full, beside a watcher that never reads and one that reads
 * everything. Expects deletes and puts that shrink it while it is full, and puts again once there is room.
 */
export async function expectFullStores(server: ServerProcess): Promise<void> {
  const stalled = watch(open("gRPC by Connect", server), { previous: true });
  await next(stalled);
  const reading = watch(open("gRPC by grpc-js", server), {});
  void (async () => {
    for (;;) await next(reading);
  })().catch(() => {});

  for (const { name, parallel, write } of fillings) {
    const written = await fill((index) => write(server, index), parallel);
    const bytes = await metric(server, "duetkv_store_bytes");
    const { body } = await request(`http://${server.address}`, "GET", "/v1/key?page_size=1");
    const [{ key }] = JSON.parse(body.toString()).entries;
    const shrunk = await send(server, "PUT", `/v1/key/${key}`, "", "text/plain");
    await deleteAll(server);
    const entries = await metric(server, "duetkv_entries");
    const again = await send(server, "PUT", "/v1/key/again", "x", "text/plain");
    expect({ name, shrunk, entries, again }).toEqual({ name, shrunk: "OK", entries: 0, again: "OK" });
    expect(written).toBeGreaterThan(10);
    expect(bytes).toBeGreaterThan(5 * 1024 ** 2);
  }
}

/** The same for a service whose heap is small; it must stop in order afterwards. */
export async function expectFullStoresInSmallHeap(): Promise<void> {
  const log = `file:${await temporaryDirectory()}`;
  // The young generation is small, so that what stays gets into the old space.
  const environment = { NODE_OPTIONS: "--max-old-space-size=72 --max-semi-space-size=4" };
  const server = await startServerProcess(["--log", log], environment);
  onTestFinished(() => void server.stop("SIGKILL"));
  await expectFullStores(server);
  expect(await server.stop()).toBe(0);
}
