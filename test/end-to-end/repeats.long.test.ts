import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { canTrace, tracedBy } from "../support/strace.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { openClient, protocols } from "./every-client.ts";
import { RepeatingWriter } from "./repeating-writer.ts";

const kills = 12 * rounds;

test(`repeated writes happen once, with ${kills} kills among them (seed ${seed})`, async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const directory = await temporaryDirectory();
  const flags = ["--log", `file:${directory}`, "--compaction-bytes-min", "50000"];
  let server = await startServerProcess(flags);
  let clients: KeyValueClient[] = [];
  const reconnect = () => {
    for (const client of clients) client.close();
    clients = protocols.map((protocol) => openClient(protocol, server.address));
  };
  reconnect();
  onTestFinished(async () => {
    for (const client of clients) client.close();
    await server.stop("SIGKILL");
  });

  const writers = Array.from({ length: 12 }, (_, index) => new RepeatingWriter(`writer ${index}`, random));
  const state = { done: false };
  const writing = Promise.all(
    writers.map(async (writer, index) => {
      while (!state.done) await writer.write(() => clients[index % clients.length] as KeyValueClient);
    }),
  );
  const acknowledged = () => writers.reduce((sum, writer) => sum + writer.acknowledged, 0);
  const killing = (async () => {
    for (let kill = 0; kill < kills; kill++) {
      const before = acknowledged();
      await until(() => acknowledged() > before + random.below(300));
      await delay(random.below(20));
      await server.stop("SIGKILL");
      server = await startServerProcess(flags);
      reconnect();
    }
    state.done = true;
  })();
  await Promise.all([writing, killing]);
  for (const writer of writers) await writer.expectExact(clients[0] as KeyValueClient);
  expect(writers.reduce((sum, { repeats }) => sum + repeats, 0)).toBeGreaterThan(kills);
});

/** What an append does with files, and what a start does. */
const fileCalls = "openat,pwrite64,fsync,fdatasync,ftruncate,fallocate,rename,unlink";

test.skipIf(!canTrace())(
  `repeated writes happen once, with a kill before each system call on the log (seed ${seed})`,
  async () => {
    console.log(`SEED=${seed}`);
    const directory = await temporaryDirectory();
    const flags = ["--log", `file:${directory}`];
    const segment = join(directory, `${"1".padStart(20, "0")}.log`);
    const traced = [directory, segment, `${segment}.tmp`, join(directory, "durable-sequence")];
    const writer = new RepeatingWriter("writer", createRandom(seed));
    let client: KeyValueClient = openClient("gRPC by grpc-js", "127.0.0.1:1");
    const state = { done: false };
    const writing = (async () => {
      while (!state.done) await writer.write(() => client);
    })();
    const connectTo = ({ address }: ServerProcess) => {
      client.close();
      client = openClient("gRPC by grpc-js", address);
    };
    let deaths = 0;
    for (let call = 1, survived = false; !survived; call++) {
      const before = writer.acknowledged;
      const prefix = tracedBy(
        "--output=/dev/null",
        ...traced.map((path) => `--trace-path=${path}`),
        // Counted for each thread, so there may be only one.
        `--inject=${fileCalls}:signal=KILL:when=${call}`,
      );
      const starting = startServerProcess(flags, { UV_THREADPOOL_SIZE: "1" }, prefix);
      const server = await starting.catch((error: Error) => {
        if (!error.message.includes("SIGKILL")) throw error;
      });
      if (server !== undefined) {
        connectTo(server);
        let ended = false;
        void server.ended.finally(() => {
          ended = true;
        });
        await until(() => ended || writer.acknowledged >= before + 20);
        survived = !ended;
        await server.stop("SIGKILL");
      }
      if (!survived) deaths++;
    }
    const server = await startServerProcess(flags);
    onTestFinished(async () => {
      client.close();
      await server.stop("SIGKILL");
    });
    connectTo(server);
    state.done = true;
    await writing;
    await writer.expectExact(client);
    expect(deaths).toBeGreaterThan(15);
  },
);
