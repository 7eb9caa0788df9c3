import { expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { protocols } from "./every-client.ts";
import { metric, next, open, readToFailure, start, type Watching, watch } from "./watch-server.ts";

test.for(protocols)(
  "the history ends somewhere, also after a restart, and says where, over %s",
  async (protocol) => {
    const directory = await temporaryDirectory();
    const flags = ["--log", `file:${directory}`, "--watch-history-events-max", "10"];
    const servers: ServerProcess[] = [];
    onTestFinished(() => void servers.at(-1)?.stop("SIGKILL"));
    for (let life = 0; life < 2; life++) {
      const server = await startServerProcess(flags);
      servers.push(server);
      const client = open(protocol, server);
      if (life === 0)
        for (let count = 1; count <= 25; count++) await client.put({ key: "key", value: `${count}` });
      const { failure, messages } = await readToFailure(watch(client, { startRevision: 14n }));
      expect([failure.code, failure.reason]).toEqual(["out_of_range", "REVISION_COMPACTED"]);
      expect([failure.metadata["oldest_revision"], messages]).toEqual(["15", []]);
      const watching = watch(client, { startRevision: 15n });
      expect(await next(watching)).toMatchObject({ revision: 25n, resumeRevision: 15n, events: [] });
      expect((await next(watching)).events).toMatchObject([{ entry: { value: "16", revision: 16n } }]);
      await server.stop(life === 0 ? "SIGTERM" : "SIGKILL");
    }
  },
);

test.for(protocols)(
  "waits for future changes, and sends its first message at once, over %s",
  async (protocol) => {
    const server = await start();
    const client = open(protocol, server);
    const future = watch(client, { startRevision: 3n });
    expect(await next(future)).toMatchObject({ revision: 0n, resumeRevision: 3n });
    const existing = watch(client, { includeExisting: true });
    const first = await next(existing);
    expect([first.revision, first.resumeRevision, first.existingEnd]).toEqual([0n, undefined, false]);
    expect(await next(existing)).toMatchObject({ existingEnd: true, resumeRevision: 0n });
    for (const key of ["a", "b", "c", "d"]) await client.put({ key });
    expect((await next(future)).events).toMatchObject([{ entry: { key: "d", revision: 4n } }]);
  },
);

test.for(protocols)(
  "a server that stops ends watches with the revision to resume from, over %s",
  async (protocol) => {
    const server = await start();
    const client = open(protocol, server);
    const watching = watch(client, {});
    await next(watching);
    for (const key of ["a", "b", "c"]) await client.put({ key });
    for (let revision = 1n; revision <= 3n; revision++)
      expect((await next(watching)).revision).toBe(revision);
    const ended = readToFailure(watching);
    const exit = server.stop("SIGTERM");
    const { failure, messages } = await ended;
    expect([failure.code, failure.reason]).toEqual(["unavailable", "SHUTTING_DOWN"]);
    expect([failure.metadata["last_revision"], messages]).toEqual(["3", []]);
    expect(await exit).toBe(0);
  },
);

test("canceled watches, in every state, leave nothing behind", async () => {
  const server = await start();
  const each = 150;
  const clients = protocols.map((protocol) => open(protocol, server));
  await clients[0]?.put({ key: "key", value: "x".repeat(10_000) });
  const controllers: AbortController[] = [];
  const opened: Promise<unknown>[] = [];
  for (const client of clients) {
    for (let count = 0; count < each; count++) {
      const controller = new AbortController();
      controllers.push(controller);
      const init =
        [{}, { startRevision: 0n }, { includeExisting: true }, { startRevision: 1000n }][count % 4] ?? {};
      opened.push(next(watch(client, init, controller.signal)));
    }
  }
  await Promise.all(opened);
  await until(async () => expect(await metric(server, "duetkv_watchers")).toBe(3 * each));
  // Some have changes waiting that nobody reads.
  for (let count = 0; count < 20; count++) await clients[0]?.put({ key: "key", value: "x".repeat(10_000) });
  for (const controller of controllers) controller.abort();
  await until(async () => expect(await metric(server, "duetkv_watchers")).toBe(0));
  await clients[0]?.put({ key: "key" });
});

/** The next message that is no heartbeat: on a busy machine one may come first. */
async function nextChange(watching: Watching) {
  for (;;) {
    const message = await next(watching);
    if (message.events.length > 0) return message;
  }
}

test("a thousand watchers of one key and a thousand of different prefixes each get exactly theirs", async () => {
  const server = await start();
  const writer = open("gRPC by Connect", server);
  const clients = Array.from({ length: 4 }, () => open("gRPC by Connect", server));
  const count = 1000;
  const ofKey = Array.from({ length: count }, (_, index) =>
    watch(clients[index % 4] as KeyValueClient, { key: "17/x" }),
  );
  const ofPrefix = Array.from({ length: count }, (_, index) =>
    watch(clients[index % 4] as KeyValueClient, { prefix: `${index}/` }),
  );
  await Promise.all([...ofKey, ...ofPrefix].map(next));
  expect(await metric(server, "duetkv_watchers")).toBe(2 * count);
  const put = (key: string) => ({ kind: { case: "put", value: { key } } }) as const;
  const keyOf = (index: number) => `${index}/x`;
  // Ten transactions of a hundred prefixes each, then one change in each prefix once more.
  for (let first = 0; first < count; first += 100) {
    await writer.commit({ mutations: Array.from({ length: 100 }, (_, index) => put(keyOf(first + index))) });
  }
  await writer.commit({ mutations: Array.from({ length: count }, (_, index) => put(keyOf(index))) });
  const seenBy = async (watching: Watching) => {
    const messages = [await nextChange(watching), await nextChange(watching)];
    return messages.map(({ revision, events }) => [revision, ...events.map(({ entry }) => entry?.key)]);
  };
  const seen = await Promise.all([...ofKey, ...ofPrefix].map(seenBy));
  const expected = (index: number) => [
    [BigInt(1 + Math.floor(index / 100)), keyOf(index)],
    [11n, keyOf(index)],
  ];
  expect(seen.slice(0, count)).toEqual(ofKey.map(() => expected(17)));
  expect(seen.slice(count)).toEqual(ofPrefix.map((_, index) => expected(index)));
});
