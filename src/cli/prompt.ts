import { once } from "node:events";

/** Asks a question on the terminal. Resolves with the trimmed reply. Use it only if `canAsk`. */
export async function ask(question: string): Promise<string> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The end of the input counts as an empty reply. Control-C ends the process as elsewhere.
  lines.once("SIGINT", () => process.emit("SIGINT"));
  lines.setPrompt(`${question} `);
  lines.prompt();
  const closed = once(lines, "close").then(() => [""]);
  const [reply] = await Promise.race([once(lines, "line"), closed]);
  lines.close();
  return String(reply).trim();
}

/** Whether there is a terminal to ask on. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
