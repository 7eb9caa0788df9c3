import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * Installs a program from Python's package index for this checkout, unless it is there. Resolves with its path. Needs
 * python3 with venv.
 */
export async function pythonTool(name: string, version: string, program: string): Promise<string> {
  const environment = join(import.meta.dirname, "../../node_modules/.cache", name, version);
  const path = join(environment, "bin", program);
  // pip writes the programs of a package last.
  if (existsSync(path)) return path;
  const run = promisify(execFile);
  await run("python3", ["-m", "venv", environment]);
  const install = ["-m", "pip", "install", "--quiet", `${name}==${version}`];
  await run(join(environment, "bin/python"), install);
  return path;
}
