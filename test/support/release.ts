import { hasRelease, releaseProgram } from "../../bench/peers/release.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";

/** Whether the history of this repository has the sources of 0.1. In CI it must. */
export function hasFirstRelease(): boolean {
  if (hasRelease) return true;
  if (process.env["CI"]) throw new Error("CI needs the whole history of the repository: fetch-depth: 0");
  console.warn("SKIPPED: this clone does not have the commit of 0.1: git fetch --unshallow");
  return false;
}

/** Starts Duet KV 0.1 as a process, as `startServerProcess` does. The first call builds it. */
export function startFirstRelease(flags: readonly string[]): Promise<ServerProcess> {
  return startServerProcess(flags, {}, [], releaseProgram());
}
