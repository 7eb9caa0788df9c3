import type { Run } from "../results.ts";
import { compete } from "./servers.ts";

const key = "benchmark/key";

/** One key is read again and again. */
export async function gets(run: Run): Promise<void> {
  for (const valueBytes of [64, 1024, 65_536]) {
    const sweep = run.quick ? [16, 64] : [1, 16, 64, 1024];
    await compete(run, {
      section: "gets",
      valueBytes,
      concurrencies: valueBytes === 64 ? sweep : [64],
      before: (dialect) => [dialect.put(key, "x".repeat(valueBytes))],
      questions: [{ what: `get ${valueBytes} B`, requests: (dialect) => [dialect.get(key)] }],
    });
  }
}
