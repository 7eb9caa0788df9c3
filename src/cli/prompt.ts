import { once } from "node:events";

/** Asks on the terminal and resolves with the trimmed answer. Only where `canAsk`. */
export async function ask(question: string): Promise<string> {
  const { createInterface } = await import("node:readline");
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The end of the input is no answer. Control-C ends the process as elsewhere.
  lines.once("SIGINT", () => process.emit("SIGINT"));
  lines.setPrompt(`${question} `);
  lines.prompt();
  const closed = once(lines, "close").then(() => [""]);
  const [answer] = await Promise.race([once(lines, "line"), closed]);
  lines.close();
  return String(answer).trim();
}

/** Whether there is a person to ask. */
export function canAsk(): boolean {
  return process.stdin.isTTY && process.stderr.isTTY;
}
