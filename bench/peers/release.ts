import { existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { startDuetKv } from "../duetkv.ts";
import type { ServerProcess } from "../server-process.ts";
import { build, isInstalled, repository } from "./built.ts";

/** The last commit of 0.1. */
const commit = "92994ea";

/** A clone of a part of the history may not have it. */
export const hasRelease = isInstalled("git", "-C", repository, "cat-file", "-e", `${commit}^{commit}`);

/**
 * The program of Duet KV 0.1, with the dependencies of its own lock file; the first call builds it. Not below
 * node_modules, where Node runs no TypeScript.
 */
export function releaseProgram(): string {
  const sources = join(repository, "dist/bench/duetkv-0.1");
  const isComplete = join(sources, "node_modules/.package-lock.json");
  if (!existsSync(isComplete)) {
    rmSync(sources, { recursive: true, force: true });
    mkdirSync(sources, { recursive: true });
    const archive = join(sources, "sources.tar");
    build(["git", "archive", "--output", archive, commit]);
    build(["tar", "-xf", archive], sources);
    build(["npm", "ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund"], sources);
  }
  return join(sources, "src/main.ts");
}

export function startRelease(directory: string): Promise<ServerProcess> {
  return startDuetKv(directory, [], releaseProgram());
}
