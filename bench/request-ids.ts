// What a request_id costs a put, in CPU time of the process that stores it: `node bench/request-ids.ts`. First in one
// process with a log in memory, then over gRPC with a synced file log. Runs with and without ids take turns.
import { randomBytes } from "node:crypto";
import { type Database, openDatabase } from "../src/database.ts";
import { defaultLimits } from "../src/limits.ts";
import { silentLogger } from "../src/logging.ts";
import { createKeyValueService } from "../src/service/key-value-service.ts";
import { MemoryTransactionLogger } from "../src/transaction-log/memory/memory-transaction-logger.ts";
import { keyOf, startDuetKv, withClient, withDirectory } from "./duetkv.ts";
import { pinThisProcess } from "./server-process.ts";

const rounds = Number(process.env["ROUNDS"] ?? 9);
const inFlight = 64;
const value = "v".repeat(64);
const keyCount = 10_000;
/** All that the handler of a put asks of it. */
const context = { span: undefined } as never;
const limits = { ...defaultLimits, requestIdsBytesMax: Number.MAX_SAFE_INTEGER };

interface Put {
  readonly key: string;
  readonly value: string;
  readonly requestId: Uint8Array<ArrayBuffer>;
}

/** A put of one of many keys, with a new id or without one. */
function createPut(index: number, withId: boolean): Put {
  // Made in any case: what it does to the caches must not count for the id.
  const id = uuid7();
  return { key: keyOf(index % keyCount), value, requestId: withId ? id : new Uint8Array() };
}

function uuid7(): Uint8Array<ArrayBuffer> {
  const id = randomBytes(16);
  id.writeUIntBE(Date.now(), 0, 6);
  id[6] = ((id[6] as number) & 0x0f) | 0x70;
  id[8] = ((id[8] as number) & 0x3f) | 0x80;
  return new Uint8Array(id);
}

async function putAll(puts: readonly Put[], put: (request: Put) => Promise<unknown>): Promise<void> {
  let next = 0;
  const send = async () => {
    for (let request = puts[next++]; request !== undefined; request = puts[next++]) await put(request);
  };
  await Promise.all(Array.from({ length: inFlight }, send));
}

/** Microseconds of CPU for each put, without and with ids, as the median of the rounds; one more warms up. */
async function compare(
  name: string,
  count: number,
  run: (puts: readonly Put[]) => Promise<number>,
): Promise<void> {
  const micros: [number[], number[]] = [[], []];
  for (let round = 0; round <= rounds; round++) {
    for (const withId of round % 2 === 0 ? [false, true] : [true, false]) {
      const puts = Array.from({ length: count }, (_, index) => createPut(index, withId));
      const used = (await run(puts)) / count;
      if (round > 0) micros[Number(withId)]?.push(used);
    }
  }
  const [without, withIds] = micros.map(median) as [number, number];
  const percent = ((withIds / without - 1) * 100).toFixed(1);
  console.log(`${name}: ${without.toFixed(2)} µs a put, ${withIds.toFixed(2)} with an id: ${percent} % more`);
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
}

async function inProcess(puts: readonly Put[]): Promise<number> {
  const logger = new MemoryTransactionLogger();
  const database: Database = await openDatabase({ logger, limits, log: silentLogger });
  const { put } = createKeyValueService(database, limits);
  const before = process.cpuUsage();
  await putAll(puts, (request) => put(request as never, context) as Promise<unknown>);
  const { user, system } = process.cpuUsage(before);
  await database.close();
  return user + system;
}

pinThisProcess();
await compare("in one process, memory log", 30_000, inProcess);
await withDirectory(async (directory) => {
  const server = await startDuetKv(directory, [
    "--request-ids-bytes-max",
    "512MiB",
    "--store-bytes-max",
    "64MiB",
  ]);
  try {
    await withClient(server.address, (client) =>
      compare("over gRPC, synced file log", 20_000, async (puts) => {
        const before = server.cpuMicros();
        await putAll(puts, (request) => client.put(request));
        return server.cpuMicros() - before;
      }),
    );
  } finally {
    await server.stop();
  }
});
