import { readdirSync, watch } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import type { Entry } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { CrashWriter } from "./crash-writer.ts";
import { withClients } from "./every-client.ts";

const kills = 21 * rounds;
const writerCount = 18;
/** Enough for a compaction to begin. */
const acknowledgedMax = 400;

test(`loses nothing that was acknowledged, killed ${kills} times among concurrent writers (seed ${seed})`, async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const directory = await temporaryDirectory();
  const small = ["--compaction-bytes-min", "20000", "--watch-history-events-max", "50"];
  const flags = ["--log", `file:${directory}`, ...small];
  const writers = Array.from({ length: writerCount }, (_, index) => new CrashWriter(`writer ${index}`, 5));
  const snapshots = new Set<string>();

  for (let kill = 0; kill < kills; kill++) {
    const server = await startServerProcess(flags);
    onTestFinished(() => void server.stop("SIGKILL"));
    await checkAll(server, writers);
    // Every third one dies in the middle of a compaction, if there is one.
    await writeUntilKilled(server, writers, random, kill % 3 === 2 ? directory : undefined);
    for (const name of readdirSync(directory)) if (name.endsWith(".snapshot")) snapshots.add(name);
  }
  const last = await startServerProcess(flags);
  onTestFinished(() => void last.stop("SIGKILL"));
  await checkAll(last, writers);
  expect(await last.stop()).toBe(0);
  expect(snapshots.size, "compactions that kills left in the directory").toBeGreaterThan(3);
});

/** All write at the same time; the server dies after some acknowledgements, with all the other calls under way. */
async function writeUntilKilled(
  server: ServerProcess,
  writers: readonly CrashWriter[],
  random: Random,
  compactingIn: string | undefined,
): Promise<void> {
  let left = compactingIn === undefined ? 1 + random.below(200) : acknowledgedMax;
  let dead = false;
  const kill = () => {
    if (!dead) process.kill(server.pid, "SIGKILL");
    dead = true;
  };
  const watcher =
    compactingIn === undefined
      ? undefined
      : watch(compactingIn, (_event, name) => name?.endsWith(".snapshot.tmp") && kill());
  try {
    await withClients(server.address, async (clients) => {
      const all = writers.map(async (writer, index) => {
        try {
          for (;;) {
            await writer.write(clients[index % clients.length] as KeyValueClient, random);
            if (--left <= 0) kill();
          }
        } catch (error) {
          // Until then no call may fail.
          if (!dead) throw error;
        }
      });
      await Promise.all(all);
    });
  } finally {
    watcher?.close();
  }
}

async function checkAll(server: ServerProcess, writers: readonly CrashWriter[]): Promise<void> {
  const newest = revisionsOf(writers).at(-1) ?? 0n;
  await withClients(server.address, async ([client]) => {
    const { entries, revision } = await listAll(client as KeyValueClient);
    const problems = writers.map((writer) =>
      writer.check(entries.filter(({ key }) => writer.keys.includes(key))),
    );
    expect(problems.filter((problem) => problem !== undefined)).toEqual([]);
    // Each write made one revision, so that as many writes as revisions leave no gap, and none is made twice.
    const revisions = revisionsOf(writers);
    const known = revisions.filter((one) => one > 0n);
    expect(new Set(known).size).toBe(known.length);
    expect(revision).toBe(BigInt(revisions.length));
    expect(known.at(-1) ?? 0n).toBeLessThanOrEqual(revision);
    expect(revision).toBeGreaterThanOrEqual(newest);
  });
}

function revisionsOf(writers: readonly CrashWriter[]): bigint[] {
  return writers.flatMap(({ revisions }) => revisions).toSorted((a, b) => Number(a - b));
}

async function listAll(client: KeyValueClient): Promise<{ entries: Entry[]; revision: bigint }> {
  const entries: Entry[] = [];
  for (let pageToken = ""; ; ) {
    const page = await client.list({ pageToken, pageSize: 60 });
    entries.push(...page.entries);
    pageToken = page.nextPageToken;
    if (pageToken === "") return { entries, revision: page.revision };
  }
}
