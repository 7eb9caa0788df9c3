import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServerProcess } from "./server-process.ts";
import { programVariable } from "./server-program.ts";

/** Node keeps compiled code in the folder that it names. */
const cacheVariable = "NODE_COMPILE_CACHE";

const root = join(import.meta.dirname, "../..");

/**
 * Global set-up of the projects that start the service: bundles the sources once for the whole run. The bundle starts in
 * less than half the time of the sources, and it is what a release ships. What Node compiles of it is kept for all starts
 * of the run. Returns the tear-down.
 */
export default async function setup(): Promise<(() => void) | undefined> {
  if (process.env[programVariable] !== undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "duetkv-bundle-"));
  // Some tests start the service as another user.
  chmodSync(directory, 0o755);
  const remove = () => {
    delete process.env[programVariable];
    delete process.env[cacheVariable];
    rmSync(directory, { recursive: true, force: true });
  };
  try {
    const { status } = spawnSync(process.execPath, [join(root, "tools/bundle.ts"), directory], {
      stdio: "inherit",
    });
    if (status !== 0) throw new Error(`tools/bundle.ts failed with ${status}`);
    process.env[programVariable] = join(directory, "duetkv.mjs");
    process.env[cacheVariable] = join(directory, "compiled");
    // Node writes the cache when a process ends in order, which most servers of the tests do not.
    await (await startServerProcess(["--log", "memory:"])).stop();
    return remove;
  } catch (error) {
    remove();
    throw error;
  }
}
