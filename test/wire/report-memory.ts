// Loaded into the server process with --import: at SIGUSR2 it collects all garbage and writes what is left into the file
// that MEMORY_REPORT names.
import { renameSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Bytes after a full collection. */
export interface MemoryReport {
  readonly resident: number;
  /** Objects of JavaScript, and the buffers that they hold. */
  readonly live: number;
}

const file = process.env["MEMORY_REPORT"];
if (file !== undefined) {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options: object) => void;
  process.on("SIGUSR2", () => {
    // As V8 does it when memory runs short: pages that are free go back to the system.
    collect({ type: "major", execution: "sync", flavor: "last-resort" });
    const { rss, heapUsed, external } = process.memoryUsage();
    const report: MemoryReport = { resident: rss, live: heapUsed + external };
    writeFileSync(`${file}.partial`, JSON.stringify(report));
    renameSync(`${file}.partial`, file);
  });
}
