import { keyOf } from "../duetkv.ts";
import type { Run } from "../results.ts";
import { compete } from "./servers.ts";

const valueBytes = 64;
const value = "x".repeat(valueBytes);
const count = 1000;

/** Nine reads to a synced write, on a thousand keys at random. */
export async function mixed(run: Run): Promise<void> {
  const keys = Array.from({ length: count }, (_, index) => keyOf(index));
  await compete(run, {
    section: "mixed",
    valueBytes,
    concurrencies: run.quick ? [64] : [1, 16, 64, 1024],
    before: (dialect) => keys.map((key) => dialect.put(key, value)),
    questions: [
      {
        what: "90 % get, 10 % put, 64 B",
        requests: (dialect) =>
          keys.map((key, index) => (index % 10 === 9 ? dialect.put(key, value) : dialect.get(key))),
      },
    ],
  });
}
