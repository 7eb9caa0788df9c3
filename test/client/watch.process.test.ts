import { afterAll, beforeAll, expect, onTestFinished, test, vi } from "vitest";
import {
  type ClientEvent,
  connect,
  HistoryGoneError,
  type Watch,
  type WatchMessage,
} from "../../clients/typescript/src/index.ts";
import { connect as connectByGrpc } from "../../clients/typescript/src/node.ts";
import { createRandom, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { startFaultProxy } from "./fault-proxy.ts";
import { patienceMs } from "./patience.ts";

let server: ServerProcess;
let count = 0;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

async function connectBoth({ address } = server) {
  const proxy = await startFaultProxy(address);
  const prefix = `${++count}/`;
  const events: ClientEvent[] = [];
  const onEvent = (event: ClientEvent) => void events.push(event);
  const client = connect({
    url: proxy.url,
    prefix,
    timeoutMs: patienceMs,
    retry: { baseMs: 1, maxMs: 5 },
    onEvent,
  });
  onTestFinished(() => client[Symbol.asyncDispose]());
  return {
    proxy,
    client,
    events,
    direct: connect({ url: `http://${address}`, prefix, timeoutMs: patienceMs }),
  };
}

/** How many watches a server serves. */
async function watchersOf({ adminAddress }: ServerProcess): Promise<string | undefined> {
  const metrics = await (await fetch(`http://${adminAddress}/metrics`)).text();
  return /^duetkv_watchers (\d+)$/m.exec(metrics)?.[1];
}

/** Reads a watch into a list until the test is over. */
function read<T>(watch: Watch<T>): { messages: WatchMessage<T>[]; ended: Promise<unknown> } {
  const messages: WatchMessage<T>[] = [];
  const ended = (async () => {
    for await (const message of watch) messages.push(message);
  })().catch((error: unknown) => error);
  onTestFinished(() => watch[Symbol.asyncDispose]());
  return { messages, ended };
}

function changesOf<T>(messages: readonly WatchMessage<T>[]): string[] {
  return messages.flatMap((message) =>
    message.type === "changes"
      ? message.changes.map(({ type, key, entry }) =>
          `${type} ${key} ${String(entry?.value ?? "")}`.trimEnd(),
        )
      : [],
  );
}

test("changes are delivered from now on, whole transactions with what was before", async () => {
  const { client, direct } = await connectBoth();
  const watch = client.watch({ prefix: "a" }, { previous: true });
  const { messages } = read(watch);
  await until(() => watch.state === "live");
  await direct.put("a1", "1");
  await direct.put("b1", "1");
  await direct.commit((batch) => batch.put("a1", "2").put("a2", "x").delete("b1"));
  await until(() => changesOf(messages).length === 3);
  expect(messages[0]?.type).toBe("bookmark");
  // The service may have sent heartbeats in between.
  const transactions = messages.filter((message) => message.type === "changes");
  expect(transactions.map(({ changes }) => changes.length)).toEqual([1, 2]);
  expect(transactions[1]?.changes[0]?.previous?.value).toBe("1");
  expect(watch.resumeRevision).toBe(transactions[1]?.revision);
});

test("a watch with existing entries begins with a reset, and one from a revision with what came after", async () => {
  const { client, direct } = await connectBoth();
  const first = await direct.put("k", "1");
  await direct.put("l", "1");
  await direct.put("k", "2");
  const existing = read(client.watch({ keys: ["k"], prefixes: ["l"] }, { existing: true }));
  const from = read(client.watch({ key: "k" }, { from: first.revision }));
  await until(() => existing.messages.length > 0 && changesOf(from.messages).length === 1);
  const [reset] = existing.messages;
  expect(reset?.type === "reset" && reset.entries.map(({ key, value }) => [key, value])).toEqual([
    ["k", "2"],
    ["l", "1"],
  ]);
  expect(changesOf(from.messages)).toEqual(["put k 2"]);
});

test("no change is lost or repeated when connections are cut at any moment", async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const { proxy, client, events, direct } = await connectBoth();
  const watch = client.watch();
  const { messages } = read(watch);
  await until(() => watch.state === "live");
  const expected: string[] = [];
  for (let index = 0; index < 300; index++) {
    await direct.put(`k${random.below(5)}`, String(index));
    expected.push(String(index));
    if (random.chance(0.1)) proxy.cutAll();
  }
  await until(() => changesOf(messages).length >= 300);
  expect(changesOf(messages).map((change) => change.split(" ")[2])).toEqual(expected);
  expect(events.filter(({ type }) => type === "watch-interrupted").length).toBeGreaterThan(5);
  expect(messages.filter(({ type }) => type === "reset")).toEqual([]);
});

test("a history that is gone makes one reset, which replaces everything", async () => {
  const forgetful = await startServerProcess(["--log", "memory:", "--watch-history-bytes-max", "1MiB"]);
  onTestFinished(() => void forgetful.stop());
  const { proxy, client, direct } = await connectBoth(forgetful);
  await direct.put("k", "old");
  const watch = client.watch();
  const { messages } = read(watch);
  await until(() => watch.state === "live");
  proxy.decide = () => "lose";
  proxy.cutAll();
  await until(() => watch.state === "stale");
  for (let index = 0; index < 40; index++) await direct.put("many", `${index} ${"x".repeat(100_000)}`);
  await direct.put("k", "new");
  proxy.decide = () => "pass";
  await until(() => messages.some(({ type }) => type === "reset"));
  const resets = messages.filter((message) => message.type === "reset");
  expect(
    resets.map(({ entries }) => entries.map(({ key, value }) => `${key} ${String(value).slice(0, 3)}`)),
  ).toEqual([["k new", "many 39 "]]);
  const strict = client.watch({ prefix: "" }, { from: 1, existing: false });
  await expect(strict[Symbol.asyncIterator]().next()).rejects.toBeInstanceOf(HistoryGoneError);
  await direct.put("k", "after");
  await until(() => changesOf(messages).includes("put k after"));
});

test("a connection that is silent without an end is given up and resumed", async () => {
  const { proxy, client, events, direct } = await connectBoth();
  const watch = client.watch();
  const { messages } = read(watch);
  await until(() => watch.state === "live");
  // The time of the client is that of the test from its next message on; proxy and service have their own.
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  await direct.put("k", "1");
  await until(() => changesOf(messages).length === 1);
  proxy.freeze();
  await direct.put("k", "2");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(events).toEqual([]);
  await vi.advanceTimersByTimeAsync(5_000);
  await until(() => events.length > 0);
  expect(events.map((event) => event.error.message)).toEqual(["no response from the watch within 35000 ms"]);
  await until(async () => {
    // A moment for the client to try again, and far less than another silence.
    await vi.advanceTimersByTimeAsync(1);
    return changesOf(messages).length === 2;
  });
});

test("a reader that is too slow is cut off, and gets everything in the end", async () => {
  const own = await startServerProcess(["--log", "memory:", "--watch-queue-bytes-max", "4MiB"]);
  onTestFinished(() => void own.stop("SIGKILL"));
  const reasons: string[] = [];
  const client = connect({
    url: `http://${own.address}`,
    timeoutMs: patienceMs,
    retry: { baseMs: 1, maxMs: 5 },
    onEvent: (event) => void reasons.push(event.error.reason),
  });
  onTestFinished(() => client[Symbol.asyncDispose]());
  const watch = client.watch();
  const messages = watch[Symbol.asyncIterator]();
  await messages.next();
  // More than the queue and the buffers of the connection take.
  const value = "x".repeat(100_000);
  for (let index = 0; index < 300; index++) await client.put("k", `${index} ${value}`);
  await until(async () => (await watchersOf(own)) === "0");
  const seen: number[] = [];
  while (seen.length < 300) {
    const { value: message } = (await messages.next()) as { value: WatchMessage<unknown> };
    if (message.type !== "changes") continue;
    for (const { entry } of message.changes) seen.push(Number.parseInt(String(entry?.value), 10));
  }
  expect(seen).toEqual(seen.map((_, index) => index));
  expect(reasons).toContain("WATCHER_TOO_SLOW");
  await watch[Symbol.asyncDispose]();
});

test("a request that is wrong ends the watch with the error, and disposing ends it without one", async () => {
  const { client } = await connectBoth();
  const { ended } = read(client.watch({ key: "bad\0" }));
  expect(await ended).toMatchObject({ reason: "KEY_INVALID" });
  const watch = client.watch();
  const good = read(watch);
  await until(() => watch.state === "live");
  await watch[Symbol.asyncDispose]();
  expect(await good.ended).toBeUndefined();
  expect(watch.state).toBe("ended");
});

test.each([
  ["fetch", connect],
  ["gRPC", connectByGrpc],
])("leaving the loop ends the call at the server, over %s", async (_name, open) => {
  const client = open({ url: `http://${server.address}` });
  onTestFinished(() => client.close());
  const watchers = () => watchersOf(server);
  await until(async () => (await watchers()) === "0");
  for await (const message of client.watch()) {
    expect(message.type).toBe("bookmark");
    expect(await watchers()).toBe("1");
    break;
  }
  await until(async () => (await watchers()) === "0");
});
