// Gets per second of @duetkv/client with and without its automatic batches, and of ioredis, against Redis, with and without
// auto-pipelining: node bench/client-gets.ts. It needs redis-server, and downloads ioredis once.
import { type Client, connect } from "../clients/typescript/src/index.ts";
import { connect as connectByGrpc } from "../clients/typescript/src/node.ts";
import { installForeignPackages } from "../test/support/foreign-packages.ts";
import { startDuetKvOn } from "./duetkv.ts";
import { startRedisServer } from "./peers/redis.ts";
import { pinThisProcess } from "./server-process.ts";

const rounds = 5;
const turnMs = 500;
const keys = Array.from({ length: 10_000 }, (_, index) => `key/${index}`);
const value = "x".repeat(64);

interface Contender {
  readonly name: string;
  readonly get: (key: string) => Promise<unknown>;
  /** Gets per second of each turn. */
  rates: number[];
}

interface IoRedis {
  get(key: string): Promise<string | null>;
  set(key: string, value: string): Promise<unknown>;
  disconnect(): void;
}

const load = installForeignPackages("ioredis");
const { Redis } = (await load("ioredis/built/index.js")) as {
  Redis: new (port: number, host: string, options: { enableAutoPipelining: boolean }) => IoRedis;
};
const duetKv = await startDuetKvOn("memory:");
const redis = await startRedisServer([]);
pinThisProcess();

const url = `http://${duetKv.address}`;
// A busy machine may let a server wait.
const timeoutMs = 60_000;
const [host = "", port] = redis.address.split(":");
const clients: readonly (readonly [string, Client])[] = [
  ["fetch, single gets", connect({ url, timeoutMs, batch: false })],
  ["fetch, batches", connect({ url, timeoutMs })],
  ["gRPC, single gets", connectByGrpc({ url, timeoutMs, batch: false })],
  ["gRPC, batches", connectByGrpc({ url, timeoutMs })],
];
const redisClients = [false, true].map((enableAutoPipelining) => {
  return new Redis(Number(port), host, { enableAutoPipelining });
});
const contenders: readonly Contender[] = [
  ...clients.map(([name, client]) => ({ name, get: (key: string) => client.get(key), rates: [] })),
  ...redisClients.map((client, index) => ({
    name: index === 0 ? "ioredis, single gets" : "ioredis, auto-pipelining",
    get: (key: string) => client.get(key),
    rates: [],
  })),
];

try {
  const [[, client] = []] = clients;
  for (let start = 0; start < keys.length; start += 1000) {
    const part = keys.slice(start, start + 1000);
    await client?.commit((batch) => {
      for (const key of part) batch.put(key, value);
    });
    await Promise.all(part.map(async (key) => redisClients[0]?.set(key, value)));
  }
  for (const atOnce of [1, 10, 100, 1000]) await compare(atOnce);
} finally {
  await Promise.all(clients.map(([, client]) => client.close()));
  for (const client of redisClients) client.disconnect();
  await Promise.all([duetKv.stop(), redis.stop()]);
}

/** The contenders take turns, since the speed of the machine changes. */
async function compare(atOnce: number): Promise<void> {
  for (const contender of contenders) {
    contender.rates = [];
    await measure(contender, atOnce);
  }
  for (let round = 0; round < rounds; round++) {
    for (const contender of contenders) contender.rates.push(await measure(contender, atOnce));
  }
  console.log(`\n${atOnce} at once`);
  for (const { name, rates } of contenders) {
    const single = contenders.find((each) => each.name === name.replace(/, .*/, ", single gets"));
    const pipelining = contenders.at(-1);
    console.log(
      `${name.padEnd(25)} ${median(rates).toFixed(0).padStart(7)} gets/s, ` +
        `${ratio(rates, single?.rates)} of single gets, ${ratio(rates, pipelining?.rates)} of ioredis with auto-pipelining`,
    );
  }
}

/** Asks for so many keys in one microtask, again when all are there. Returns gets per second. */
async function measure({ get }: Contender, atOnce: number): Promise<number> {
  const start = performance.now();
  let gets = 0;
  for (; performance.now() - start < turnMs; gets += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, (_, index) => get(keys[(gets + index) % keys.length] ?? "")),
    );
  }
  return (gets / (performance.now() - start)) * 1000;
}

/** The median of the ratios of each round. */
function ratio(rates: readonly number[], others: readonly number[] = []): string {
  return median(rates.map((rate, round) => rate / (others[round] ?? Number.NaN))).toFixed(2);
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
