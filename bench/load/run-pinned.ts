import { spawn } from "node:child_process";
import { once } from "node:events";
import { loadCore, pinned } from "../server-process.ts";

/** Runs a generator on its own core and gives what it printed. */
export async function runPinned(command: readonly string[], input = ""): Promise<string> {
  const [program = "", ...args] = pinned(loadCore, command);
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (chunk: string) => {
    output += chunk;
  });
  child.stdin.end(input);
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${output}`);
  return output;
}
