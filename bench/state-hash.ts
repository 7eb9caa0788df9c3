// What the state hash costs a put, in one process: `node bench/state-hash.ts`. Each round has all cases, one after the other.
import { openDatabase } from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { StateHash } from "../src/store/state-hash.ts";
import { MemoryTransactionLogger } from "../src/transaction-log/memory/memory-transaction-logger.ts";

const rounds = 25;
const batches = 150;
const batchSize = 64;
const keys = 10_000;

const { add, remove } = Object.getOwnPropertyDescriptors(StateHash.prototype);
const off = () => {};

/** Microseconds of CPU for a put that overwrites, through committer, log in memory and store. */
async function measure(value: string): Promise<number> {
  const logger = new MemoryTransactionLogger();
  const database = await openDatabase({ logger, limits: defaultLimits, log: silentLogger });
  let key = 0;
  const put = () => {
    const mutation = { type: "put", key: `key ${key++ % keys}`, value, ttlMs: 0 } as const;
    return database.commit({ checks: [], mutations: [mutation], requestId: undefined });
  };
  const putMany = async (count: number) => {
    for (let batch = 0; batch < count; batch++) await Promise.all(Array.from({ length: batchSize }, put));
  };
  await putMany(Math.ceil(keys / batchSize));
  const start = process.cpuUsage();
  await putMany(batches);
  const micros = process.cpuUsage(start).user / (batches * batchSize);
  await database.close();
  return micros;
}

function setHash(isOn: boolean): void {
  const none = { ...add, value: off };
  Object.defineProperties(StateHash.prototype, isOn ? { add, remove } : { add: none, remove: none });
}

/** Microseconds of the two hashes of an overwrite: of the entry that goes, and of the one that comes. */
function measureHashes(value: string): number {
  const hash = new StateHash();
  const entries = Array.from({ length: 1000 }, (_, index) => {
    const revision = index + 1;
    const times = { updateTime: 1.7e12 + index, expireTime: 0 };
    return { key: `key ${index}`, value, revision, createRevision: revision, version: 1, ...times };
  });
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 20 * rounds; round++) {
    const start = performance.now();
    for (const entry of entries) hash.add(entry);
    best = Math.min(best, (performance.now() - start) * 1000);
  }
  return (2 * best) / entries.length;
}

for (const bytes of [64, 1024, 16_384]) {
  const value = Buffer.alloc(bytes, "x").toString();
  const best = { with: Number.POSITIVE_INFINITY, without: Number.POSITIVE_INFINITY };
  for (let round = 0; round < rounds; round++) {
    setHash(true);
    best.with = Math.min(best.with, await measure(value));
    setHash(false);
    best.without = Math.min(best.without, await measure(value));
  }
  setHash(true);
  const [without, together, alone] = [best.without, best.with, measureHashes(value)].map((micros) =>
    micros.toFixed(2),
  );
  console.log(
    `put ${bytes} B: ${without} µs without the hash, ${together} with it; the two hashes alone: ${alone}`,
  );
}
