import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { promisify } from "node:util";
import type { Call } from "../support/linearizability.ts";
import { hasPrograms } from "../support/programs.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import type { StoreOperation } from "./store-model.ts";

/** Whether Porcupine can be built: without Go, tests skip it aloud, and fail in CI. */
export const hasPorcupine = hasPrograms("go");

type History = readonly Call<StoreOperation>[];

/**
 * Asks Porcupine, a checker of others, whether each history has a linear order: "Ok", "Illegal", or "Unknown" when that took
 * too long.
 */
export async function checkWithPorcupine(histories: readonly History[]): Promise<string[]> {
  const directory = await temporaryDirectory();
  const program = join(directory, "porcupine");
  const cwd = join(import.meta.dirname, "../foreign/porcupine");
  await promisify(execFile)("go", ["build", "-o", program, "."], { cwd });
  const child = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
  child.stdin.end(histories.map((calls) => `${JSON.stringify(calls.map(toJson))}\n`).join(""));
  const [lines, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
  if (code !== 0) throw new Error(`Porcupine ended with ${code}`);
  return lines.trimEnd().split("\n");
}

function toJson({ begin, end, operation }: Call<StoreOperation>): object {
  return { begin, end: end === Number.POSITIVE_INFINITY ? null : end, ...operationToJson(operation) };
}

function operationToJson(operation: StoreOperation): object {
  const { kind } = operation;
  switch (kind) {
    case "get": {
      const found = [...operation.found].map(([key, value]) => [key, value ?? null]);
      return { kind, found: Object.fromEntries(found) };
    }
    case "put":
      return { kind, writes: Object.fromEntries(operation.writes) };
    case "delete":
      return { kind, key: operation.key, done: operation.deleted };
    case "swap": {
      const { key, from, to, swapped } = operation;
      return { kind, key, from, to, done: swapped };
    }
  }
}
