import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";

/**
 * Installs a program from Python's package index for this checkout, unless it is there. Resolves with its path. Needs
 * python3 with venv.
 */
export async function pythonTool(name: string, version: string, program: string): Promise<string> {
  const folder = join(import.meta.dirname, "../../node_modules/.cache", name);
  const installed = join(folder, version);
  const path = join(installed, "bin", program);
  if (existsSync(path)) return path;
  await mkdir(folder, { recursive: true });
  // Test files run at the same time. Two that installed into one environment would write a program that the other has
  // started, so each makes its own, and the first one that is whole gets the name.
  const environment = await mkdtemp(`${installed}-`);
  const run = promisify(execFile);
  await run("python3", ["-m", "venv", environment]);
  const install = ["-m", "pip", "install", "--quiet", `${name}==${version}`];
  await run(join(environment, "bin/python"), install);
  try {
    await symlink(basename(environment), installed);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    await rm(environment, { recursive: true });
  }
  return path;
}
