import { hasH2load } from "../load/measure.ts";
import type { Run } from "../results.ts";
import { compete } from "./servers.ts";

const key = "benchmark/key";

/** Every put is synced before it is answered, except by the bare servers, which keep nothing. */
export async function puts(run: Run): Promise<void> {
  // The generator of Node's sends what one frame holds.
  for (const valueBytes of hasH2load ? [64, 1024, 65_536] : [64, 1024]) {
    const sweep = run.quick ? [64] : [1, 16, 64, 1024];
    const value = "x".repeat(valueBytes);
    await compete(run, {
      section: "puts",
      valueBytes,
      concurrencies: valueBytes === 64 ? sweep : [64],
      questions: [{ what: `put ${valueBytes} B`, requests: (dialect) => [dialect.put(key, value)] }],
    });
  }
}
