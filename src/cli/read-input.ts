import { readFile } from "node:fs/promises";
import { CommandFailure, usageFailure } from "./failure.ts";

/** More than any limit of the service allows. */
const inputBytesMax = 256 * 1024 * 1024;

/** Reads a whole file. Rejects with CommandFailure when it cannot be read. */
export async function readInputFile(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as Error).message}`);
  }
}

/** Reads all of stdin. If stdin is a terminal and was not requested, that is a mistake; `advice` says what to do. */
export async function readStdin(asked: boolean, advice: string): Promise<Buffer> {
  if (process.stdin.isTTY && !asked) throw usageFailure("there is nothing to read from", advice);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > inputBytesMax) {
      const message = `the input has more than ${inputBytesMax} bytes`;
      throw new CommandFailure({ outcome: "limit", reason: "INPUT_TOO_LARGE", message });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}
