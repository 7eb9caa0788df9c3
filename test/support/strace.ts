import { spawnSync } from "node:child_process";
import { readFile } from "node:fs/promises";

/** Whether this machine lets a process be traced. In CI it must. */
export function canTrace(): boolean {
  const { status, stderr } = spawnSync("strace", ["-f", "-o", "/dev/null", "true"], { encoding: "utf8" });
  if (status === 0) return true;
  if (process.env["CI"]) throw new Error(`strace is required in CI and failed: ${stderr ?? "not installed"}`);
  console.warn("SKIPPED: strace is not installed or not permitted, so no system calls are traced");
  return false;
}

/** What to put in front of a command, so that strace follows it and its threads. The command keeps its own pid. */
export function tracedBy(...args: readonly string[]): readonly string[] {
  return ["strace", "-D", "-f", "-y", "-s", "64", ...args];
}

export interface SystemCall {
  readonly name: string;
  /** All that stands between the parentheses. */
  readonly args: string;
  /** All that stands behind the equals sign. */
  readonly result: string;
}

/** The system calls of a trace in the order in which they returned. */
export async function readTrace(path: string): Promise<SystemCall[]> {
  const calls: SystemCall[] = [];
  const begun = new Map<string, string>();
  for (const line of (await readFile(path, "utf8")).split("\n")) {
    const [, thread = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const unfinished = /^(.*) <unfinished \.\.\.>$/.exec(text);
    if (unfinished) {
      begun.set(thread, unfinished[1] as string);
      continue;
    }
    const resumed = /^<\.\.\. \w+ resumed>(.*)$/.exec(text);
    const whole = resumed ? (begun.get(thread) ?? "") + (resumed[1] as string) : text;
    const [, name, args = "", result = ""] = /^(\w+)\((.*)\) += (.*)$/.exec(whole) ?? [];
    if (name !== undefined) calls.push({ name, args, result });
  }
  return calls;
}
