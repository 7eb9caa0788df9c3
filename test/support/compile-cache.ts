import { readdirSync, rmSync } from "node:fs";

/** Node keeps compiled code, and sources without their types, in the folder that it names. */
export const compileCacheVariable = "NODE_COMPILE_CACHE";

/**
 * Lets the processes that start from now on keep in the folder what they compile, for each other and for the next run.
 * Vitest imports a test file under a new name in each run, whose entries nobody finds again: a folder with more than
 * `filesMax` files is emptied.
 */
export function keepCompiled(folder: string, filesMax: number): void {
  if (countFiles(folder) > filesMax) rmSync(folder, { recursive: true });
  process.env[compileCacheVariable] ??= folder;
}

function countFiles(folder: string): number {
  try {
    return readdirSync(folder, { recursive: true }).length;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return 0;
    throw error;
  }
}
