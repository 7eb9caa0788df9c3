import { once } from "node:events";
import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { expect, onTestFinished } from "vitest";
import type { ServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { metric, next, open, readToFailure, start, watch } from "./watch-server.ts";

const mebibyte = 1024 * 1024;

function residentBytes({ pid }: ServerProcess): number {
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kibibytes) * 1024;
}

/** A watch of everything over HTTP/1.1 on a bare socket. Resolves when the first event has arrived; then it stops reading. */
async function openStalledEvents(server: ServerProcess): Promise<{ socket: Socket; chunks: Buffer[] }> {
  const [host, port] = server.address.split(":");
  const socket = connect(Number(port), host);
  onTestFinished(() => void socket.destroy());
  socket.write("GET /v1/key:watch HTTP/1.1\r\nHost: localhost\r\n\r\n");
  const [chunk] = await once(socket, "data");
  socket.pause();
  return { socket, chunks: [chunk as Buffer] };
}

/**
 * Writes `mebibytes`, one to a put, beside a reader and two watchers that stop reading. Asserts that the reader gets all,
 * and that the others are cut off with the last revision that they received. Resolves with the most memory that the server
 * occupied, in bytes.
 */
export async function cutOffSlowReaders(mebibytes: number): Promise<number> {
  const bound = String(16 * mebibyte);
  const flags = ["--watch-queue-bytes-max", bound, "--watch-history-bytes-max", bound];
  // The log in memory would be all of it.
  const server = await start("--log", `file:${await temporaryDirectory()}`, ...flags);
  const writer = open("gRPC by Connect", server);
  const stalled = watch(open("gRPC by Connect", server), {});
  expect((await next(stalled)).revision).toBe(0n);
  const events = await openStalledEvents(server);
  const reader = watch(open("gRPC by grpc-js", server), {});
  await next(reader);
  await until(async () => expect(await metric(server, "duetkv_watchers")).toBe(3));

  const value = "x".repeat(mebibyte);
  const received: bigint[] = [];
  const reading = (async () => {
    while (received.length < mebibytes) {
      const { revision, events: changes } = await next(reader);
      if (changes.length > 0) received.push(revision);
    }
  })();
  let most = 0;
  let stalledEnd: ReturnType<typeof readToFailure> | undefined;
  for (let written = 0; written < mebibytes; written++) {
    await writer.put({ key: `key ${written % 4}`, value });
    // The one that reads is not to be cut off for being slower than the loop that writes.
    await until(() => expect(received.length).toBeGreaterThan(written - 6));
    most = Math.max(most, residentBytes(server));
    // It reads again soon: the server resets a response that waits for window for a minute, without a reason.
    if (stalledEnd !== undefined || (await metric(server, "duetkv_watchers")) > 1) continue;
    stalledEnd = readToFailure(stalled);
    events.socket.on("data", (chunk: Buffer) => events.chunks.push(chunk));
    events.socket.resume();
  }
  await reading;
  expect(received).toEqual(Array.from({ length: mebibytes }, (_, index) => BigInt(index + 1)));
  expect(await metric(server, "duetkv_watchers")).toBe(1);

  // Both got an error, with the last revision that they had received.
  if (stalledEnd === undefined) throw new Error("no watcher was cut off");
  const { messages, failure } = await stalledEnd;
  expect([failure.code, failure.reason]).toEqual(["resource_exhausted", "WATCHER_TOO_SLOW"]);
  const changes = messages.filter((message) => message.events.length > 0);
  expect(changes.map(({ revision }) => revision)).toEqual(received.slice(0, changes.length));
  expect(failure.metadata["last_revision"]).toBe(String(messages.at(-1)?.resumeRevision ?? 0));
  expect(changes.length).toBeLessThan(mebibytes);

  const isOver = () => Buffer.concat(events.chunks.slice(-3)).includes("event: end");
  await until(() => expect(isOver()).toBe(true));
  const text = Buffer.concat(events.chunks).toString();
  const end = JSON.parse(/event: end\ndata: (.*)\n/.exec(text)?.[1] ?? "");
  expect([end.code, end.details[0].debug.reason]).toEqual(["resource_exhausted", "WATCHER_TOO_SLOW"]);
  const ids = Array.from(text.matchAll(/^id: (\d+)\ndata: .*"events":\[\{/gm), ([, id]) => Number(id));
  expect(ids).toEqual(Array.from(ids, (_, index) => index + 1));
  const last = Number(Array.from(text.matchAll(/^id: (\d+)$/gm)).at(-1)?.[1] ?? 0);
  expect(end.details[0].debug.metadata["last_revision"]).toBe(String(last));
  return most;
}
