/**
 * What this release's log format costs against that of another checkout: time to encode a put as a frame of a file and as
 * a row of PostgreSQL, and to append one durably to a file: node bench/log-format.ts CHECKOUT [DIRECTORY].
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Transaction } from "../src/transaction-log/transaction-logger.ts";

const [checkout, place = tmpdir()] = process.argv.slice(2);
if (checkout === undefined) throw new Error("usage: node bench/log-format.ts CHECKOUT [DIRECTORY]");

const rounds = 60;
const callsPerRound = 2000;
const appends = 1500;
const id = "0198c0de-0000-4000-8000-000000000001";

interface Release {
  readonly encodeFrame: () => unknown;
  readonly encodeRow: () => unknown;
  readonly append: () => Promise<unknown>;
  readonly close: () => Promise<unknown>;
}

function put(sequence: number): Transaction {
  const key = `bench/key-${String(sequence % 1000).padStart(6, "0")}`;
  const value = "v".repeat(64);
  const event = { type: "put", key, value, createRevision: 500, version: 3, expireTime: 0 } as const;
  return { sequence, time: 1_770_000_000_000, events: [event], request: undefined };
}

/** Both releases have these modules; where their functions differ, the older one ignores what it does not know. */
async function load(root: string): Promise<Release> {
  const from = (path: string) => import(join(resolve(root), "src/transaction-log", path));
  const { FrameEncoder } = await from("file/format/frame-encoder.ts");
  const { encodePiece } = await from("postgres/follow/piece.ts");
  const { openFileTransactionLogger } = await from("file/file-transaction-logger.ts");
  const directory = await mkdtemp(join(place, "duetkv-log-format-"));
  const log = await openFileTransactionLogger({ directory });
  const encoder = new FrameEncoder(1, 1);
  const transactions = [put(100_000)];
  // The older one takes the transactions alone.
  const batch = { basis: 99_999, last: 100_000, id, previous: id, transactions };
  const row = Object.assign([...transactions], batch);
  let sequence = 0;
  return {
    encodeFrame() {
      encoder.begin(99_999);
      encoder.add(transactions[0]);
      return encoder.finish(7);
    },
    encodeRow: () => encodePiece(row),
    append: () => log.append(sequence, [put(++sequence)]),
    async close() {
      await log.close();
      await rm(directory, { recursive: true });
    },
  };
}

const releases = [await load(checkout), await load(new URL("..", import.meta.url).pathname)] as const;
console.log("| | checkout | this release | ratio |\n| --- | ---: | ---: | ---: |");
await compare("frame of one put, ns of CPU", rounds, (release) => cpuOf(release.encodeFrame));
await compare("row of one put, ns of CPU", rounds, (release) => cpuOf(release.encodeRow));
await compare("durable append of one put, ns", appends, async (release) => {
  const start = performance.now();
  await release.append();
  return (performance.now() - start) * 1e6;
});
for (const release of releases) await release.close();

/** In turns, so that other work on the machine disturbs both alike. */
async function compare(
  name: string,
  count: number,
  measure: (release: Release) => number | Promise<number>,
): Promise<void> {
  const times: [number[], number[]] = [[], []];
  for (let round = -count / 10; round < count; round++) {
    for (const index of round % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
      const time = await measure(releases[index]);
      if (round >= 0) times[index].push(time);
    }
  }
  const [older, newer] = [median(times[0]), median(times[1])];
  console.log(`| ${name} | ${older.toFixed(0)} | ${newer.toFixed(0)} | ${(newer / older).toFixed(2)} |`);
}

/** Nanoseconds of one call. */
function cpuOf(work: () => unknown): number {
  const start = process.cpuUsage();
  for (let call = 0; call < callsPerRound; call++) work();
  const { user, system } = process.cpuUsage(start);
  return ((user + system) * 1000) / callsPerRound;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
}
