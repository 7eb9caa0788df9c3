import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";

/**
 * Builds a program of a Go module for this checkout, unless it is there: `path` is that of its package, `version` begins with
 * a v. Resolves with the path of the program. Needs go; a large module takes minutes at first.
 */
export async function goTool(path: string, version: string): Promise<string> {
  const name = basename(path);
  const folder = join(import.meta.dirname, "../../node_modules/.cache", name, version);
  const program = join(folder, name);
  if (existsSync(program)) return program;
  await mkdir(folder, { recursive: true });
  const env = { ...process.env, GOBIN: folder };
  await promisify(execFile)("go", ["install", `${path}@${version}`], { env });
  return program;
}
