import { readdir, readFile } from "node:fs/promises";
import { consoleDirectory } from "./console-directory.ts";

/** The files of the web console by their names; undefined if it has not been built. Rejects if a file cannot be read. */
export async function readConsoleFiles(): Promise<ReadonlyMap<string, Buffer> | undefined> {
  let names: string[];
  try {
    names = await readdir(consoleDirectory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
  return new Map(await Promise.all(names.map(read)));
}

async function read(name: string): Promise<[name: string, content: Buffer]> {
  return [name, await readFile(new URL(name, consoleDirectory))];
}
