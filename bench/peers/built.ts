import { spawnSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";

export const repository = join(import.meta.dirname, "../..");
const cache = join(repository, "node_modules/.cache/duetkv-bench");

/** A folder for what is built from a peer's sources. */
export function buildDirectory(peer: string): string {
  const directory = join(cache, peer);
  mkdirSync(directory, { recursive: true });
  return directory;
}

export function isInstalled(program: string, ...args: string[]): boolean {
  return spawnSync(program, args).status === 0;
}

/** Runs a step of a build in the repository. Its output is shown; throws when it fails. */
export function build(
  command: readonly string[],
  directory: string = repository,
  environment: Readonly<Record<string, string>> = {},
): void {
  const [program = "", ...args] = command;
  const options = { cwd: directory, env: { ...process.env, ...environment }, stdio: "inherit" } as const;
  const { status, error } = spawnSync(program, args, options);
  if (status !== 0) throw new Error(`${command.join(" ")} failed in ${directory}`, { cause: error });
}

/** The program of npm's packages, which generates code from the contract. */
export const buf = join(repository, "node_modules/.bin/buf");
