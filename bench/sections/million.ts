import { keyOf, startDuetKv, storeMany, withClient, withDirectory } from "../duetkv.ts";
import type { Dialect } from "../load/dialect.ts";
import type { Request } from "../load/load.ts";
import type { Run } from "../results.ts";
import { compete } from "./servers.ts";

const section = "million";
const value = "x".repeat(64);

/** A store of a million entries: what they cost, what it costs to start with them, and to read any of them. */
export async function million(run: Run): Promise<void> {
  const count = run.quick ? 100_000 : 1_000_000;
  await withDirectory(async (directory) => {
    const empty = await startDuetKv(directory);
    const emptyBytes = empty.residentBytes();
    const emptyStartMs = empty.startMs;
    await withClient(empty.address, (client) => storeMany(client, count, value));
    await empty.stop();

    const full = await startDuetKv(directory);
    try {
      const replaySeconds = (full.startMs - emptyStartMs) / 1000;
      const what = `${count} entries of 11 B key and 64 B value`;
      run.found({ section, what: `replay of ${what}`, value: count / replaySeconds, unit: "entries/s" });
      run.found({ section, what: `start with ${what}`, value: full.startMs / 1000, unit: "s" });
      const perEntry = (full.residentBytes() - emptyBytes) / count;
      run.found({
        section,
        what: `memory of ${what}, after replay`,
        value: perEntry,
        unit: "B an entry (RSS)",
      });
    } finally {
      await full.stop();
    }
  });
  await readKeys(run, count);
}

/** The same reads of one key, which is always the same, and of keys at random: all servers hold all of them. */
async function readKeys(run: Run, count: number): Promise<void> {
  const asked = 20_000;
  const keys = Array.from({ length: asked }, (_, index) => keyOf(Math.floor((index * count) / asked)));
  const hot = keys[0] as string;
  await compete(run, {
    section,
    valueBytes: value.length,
    concurrencies: [64],
    before: (dialect) => putAll(dialect, count),
    questions: [
      // Twice the same key: one alone would have another generator.
      { what: `get one of ${count} keys`, requests: (dialect) => [hot, hot].map((key) => dialect.get(key)) },
      { what: `get any of ${count} keys`, requests: (dialect) => keys.map((key) => dialect.get(key)) },
    ],
  });
}

function* putAll(dialect: Dialect, count: number): Generator<Request, void> {
  for (let first = 0; first < count; first += dialect.keysMax) {
    const length = Math.min(dialect.keysMax, count - first);
    yield dialect.putMany(
      Array.from({ length }, (_, index) => keyOf(first + index)),
      value,
    );
  }
}
