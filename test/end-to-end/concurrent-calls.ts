import { expect, onTestFinished } from "vitest";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, type Random, seed } from "../support/random.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { ConcurrencyHistory } from "./concurrency-history.ts";
import { withClients } from "./every-client.ts";

const callsOfEach = 6;
const keys = Array.from({ length: 40 }, (_, index) => `key ${index}`);

/**
 * As many writers as `count` and as many readers call at a time, over every protocol, beside compactions. Expects that all
 * see one history without gaps.
 */
export async function readAndWriteAtOnce(count: number): Promise<void> {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const directory = await temporaryDirectory();
  // Small, so that the log is compacted meanwhile.
  const small = ["--compaction-bytes-min", "50000", "--watch-history-events-max", "200"];
  const server = await startServerProcess(["--log", `file:${directory}`, ...small]);
  onTestFinished(() => void server.stop("SIGKILL"));
  const history = new ConcurrencyHistory();
  await withClients(server.address, async (clients) => {
    const calls = Array.from({ length: 2 * count }, async (_, index) => {
      const client = clients[index % clients.length] as KeyValueClient;
      for (let call = 0; call < callsOfEach; call++) {
        if (index < count) await write(history, client, random, `writer ${index}, call ${call}`);
        else await read(history, client, random);
      }
    });
    await Promise.all(calls);
    await history.read(keys, () => (clients[0] as KeyValueClient).list({}));
  });
  expect(history.readings).toHaveLength(count * callsOfEach + 1);
  expect(history.readings.at(-1)?.revision).toBe(BigInt(count * callsOfEach));
  expect(history.problems()).toEqual([]);
  expect(await server.stop()).toBe(0);
}

function write(
  history: ConcurrencyHistory,
  client: KeyValueClient,
  random: Random,
  value: string,
): Promise<void> {
  const key = random.pick(keys);
  if (random.chance(0.7)) return history.write(new Map([[key, value]]), () => client.put({ key, value }));
  const other = random.pick(keys.filter((each) => each !== key));
  // One is always put, so that there is always something to commit.
  const writes = new Map([
    [key, value],
    [other, random.chance(0.5) ? value : undefined],
  ]);
  const mutations = [...writes].map(([name, text]) => ({
    kind:
      text === undefined
        ? { case: "delete" as const, value: { key: name } }
        : { case: "put" as const, value: { key: name, value: text } },
  }));
  return history.write(writes, () => client.commit({ mutations }));
}

function read(history: ConcurrencyHistory, client: KeyValueClient, random: Random): Promise<void> {
  const key = random.pick(keys);
  if (random.chance(0.2)) return history.read(keys, () => client.list({ prefix: "key " }));
  if (random.chance(0.2)) {
    const some = keys.filter(() => random.chance(0.5)).concat(key);
    return history.read(some, () => client.batchGet({ keys: [...new Set(some)] }));
  }
  return history.read([key], () => get(client, key));
}

/** A key that is not there is an answer too: the failure carries the revision at which it was missing. */
async function get(client: KeyValueClient, key: string) {
  try {
    const { revision, entry } = await client.get({ key });
    return { revision, entries: entry === undefined ? [] : [entry] };
  } catch (error) {
    if (error instanceof CallFailure && error.reason === "NO_SUCH_KEY") {
      return { revision: BigInt(error.metadata["revision"] ?? -1), entries: [] };
    }
    throw error;
  }
}
