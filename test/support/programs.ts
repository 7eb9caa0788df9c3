import { spawnSync } from "node:child_process";

/**
 * Whether all of these programs are installed. Names the missing ones on the console, since the tests that need them are
 * skipped then; throws in CI, where nothing may be skipped.
 */
export function hasPrograms(...programs: readonly string[]): boolean {
  const missing = programs.filter((name) => spawnSync("which", [name]).status !== 0);
  if (missing.length === 0) return true;
  const names = missing.join(", ");
  if (process.env["CI"]) throw new Error(`required in CI and not installed: ${names}`);
  console.warn(`SKIPPED: not installed: ${names}`);
  return false;
}

/** Whether this process is root. If not, says so on the console, since the tests that need it are skipped then. */
export function isRoot(): boolean {
  if (process.getuid?.() === 0) return true;
  console.warn("SKIPPED: not root");
  return false;
}
