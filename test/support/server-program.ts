import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Names the program that tests start as the service; by default it is a bundle of the sources. */
export const programVariable = "SERVER_PROGRAM";

const root = join(import.meta.dirname, "../..");

/**
 * Global set-up of the projects that start the service: bundles the sources once for the whole run. The bundle starts in
 * less than half the time of the sources, and it is what a release ships. Returns the tear-down.
 */
export default function setup(): (() => void) | undefined {
  if (process.env[programVariable] !== undefined) return undefined;
  const directory = mkdtempSync(join(tmpdir(), "duetkv-bundle-"));
  // Some tests start the service as another user.
  chmodSync(directory, 0o755);
  const remove = () => {
    delete process.env[programVariable];
    rmSync(directory, { recursive: true, force: true });
  };
  const { status } = spawnSync(process.execPath, [join(root, "tools/bundle.ts"), directory], {
    stdio: "inherit",
  });
  if (status !== 0) {
    remove();
    throw new Error(`tools/bundle.ts failed with ${status}`);
  }
  process.env[programVariable] = join(directory, "duetkv.mjs");
  return remove;
}

/** The path of the program: the sources where no global set-up has made a bundle. */
export function serverProgram(): string {
  return process.env[programVariable] ?? join(root, "src/main.ts");
}
