import { spawnSync } from "node:child_process";
import { startDuetKv, withDirectory } from "../duetkv.ts";
import type { Run } from "../results.ts";

const bundle = new URL("../../dist/duetkv.mjs", import.meta.url).pathname;
const bundler = new URL("../../tools/bundle.ts", import.meta.url).pathname;

/** The time from the start of the process to its line `ready`, with an empty log. */
export async function startup(run: Run): Promise<void> {
  const root = new URL("../../", import.meta.url).pathname;
  const { status } = spawnSync(process.execPath, [bundler], { cwd: root, stdio: "inherit" });
  if (status !== 0) throw new Error("the bundle could not be built");
  await measureStart(run, "start from the sources", undefined);
  await measureStart(run, "start from the bundle", bundle);
}

async function measureStart(run: Run, what: string, program: string | undefined): Promise<void> {
  const times: number[] = [];
  for (let round = 0; round < (run.quick ? 3 : 9); round++) {
    await withDirectory(async (directory) => {
      const server = await startDuetKv(directory, [], program);
      times.push(server.startMs);
      await server.stop();
    });
  }
  const median = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] as number;
  run.found({ section: "startup", what: `${what}, median of ${times.length}`, value: median, unit: "ms" });
}
