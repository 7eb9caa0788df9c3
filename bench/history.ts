// What the history costs and gives, in one process: `node --expose-gc bench/history.ts`. Times are CPU times.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Database, openDatabase, prefixRange, type State } from "../src/database.ts";
import { defaultLimits, type Limits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { openFileTransactionLogger } from "../src/transaction-log/file/file-transaction-logger.ts";

const keys = Array.from({ length: 100_000 }, (_, index) => `bench/key-${String(index).padStart(6, "0")}`);
const MiB = 1024 * 1024;
const rounds = 5;

const withHistory: Limits = { ...defaultLimits, watchHistoryBytesMax: 128 * MiB };
const without: Limits = { ...defaultLimits, watchHistoryEventsMax: 0, watchHistoryBytesMax: 0 };

/** CPU time in milliseconds. */
async function cpuOf(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

async function leastOf(work: () => unknown): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < rounds; round++) least = Math.min(least, await cpuOf(work));
  return least;
}

function heapMiB(): number {
  if (globalThis.gc === undefined) throw new Error("start with --expose-gc");
  for (let round = 0; round < 3; round++) globalThis.gc();
  return process.memoryUsage().heapUsed / MiB;
}

async function writeAll(database: Database, value: () => string): Promise<void> {
  for (let start = 0; start < keys.length; start += 1000) {
    const writes = keys.slice(start, start + 1000).map((key) =>
      database.commit({
        checks: [],
        mutations: [{ type: "put", key, value: value(), ttlMs: 0 }],
        requestId: undefined,
      }),
    );
    await Promise.all(writes);
  }
}

async function open(directory: string, limits: Limits): Promise<Database> {
  return openDatabase({ logger: await openFileTransactionLogger({ directory }), limits, log: silentLogger });
}

const scanned = (at: () => State) => () => {
  for (const entry of at().scan(prefixRange(""), false))
    if (entry?.revision === 0) throw new Error("no entry");
};

const text = () => Buffer.from("v".repeat(64)).toString();
const report = (what: string, figure: string) => console.log(`${what.padEnd(60)} ${figure}`);
const base = heapMiB();
const directory = await mkdtemp(join(tmpdir(), "duetkv-bench-"));
try {
  let database = await open(directory, withHistory);
  for (let round = 0; round < 3; round++) await writeAll(database, text);
  const { revision: newest } = database;
  await database.close();
  for (const [name, limits] of [
    ["without history", without],
    ["with a history of 100,000 changes", withHistory],
  ] as const) {
    const milliseconds = await cpuOf(async () => {
      database = await open(directory, limits);
    });
    report(`start from 300,000 puts, ${name}`, `${milliseconds.toFixed(0)} ms`);
    report(`heap afterwards, ${name}`, `${(heapMiB() - base).toFixed(1)} MiB`);
    if (limits === without) await database.close();
  }
  const past = newest - keys.length + 1;
  const read = (at: () => Pick<Database, "get">) => () => {
    for (const key of keys) if (at().get(key)?.revision === 0) throw new Error("no entry");
  };
  const perSecond = (milliseconds: number) => `${((keys.length / milliseconds) * 1000).toFixed(0)} a second`;
  report("get", perSecond(await leastOf(read(() => database))));
  report(
    "get at an earlier revision, unchanged since",
    perSecond(await leastOf(read(() => database.at(newest - 1)))),
  );
  report(
    "get at an earlier revision, changed since",
    perSecond(await leastOf(read(() => database.at(past)))),
  );
  report("entries of a list", perSecond(await leastOf(scanned(() => database))));
  report(
    "entries of a list in the past, all changed",
    perSecond(await leastOf(scanned(() => database.at(past)))),
  );
  const count = await leastOf(async () => void (await database.at(past).count(prefixRange(""))));
  report("a count in the past, 100,000 changes since", `${count.toFixed(1)} ms`);
  await database.close();
} finally {
  await rm(directory, { recursive: true });
}
