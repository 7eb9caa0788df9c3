import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/**
 * Installs the packages of a folder of test/foreign, which has a lock file of its own, unless they are installed. Returns
 * what imports one of their files, given its path below node_modules.
 */
export function installForeignPackages(name: string): (file: string) => Promise<unknown> {
  const directory = new URL(`../foreign/${name}/`, import.meta.url).pathname;
  const modules = join(directory, "node_modules");
  const mark = join(modules, ".installed");
  const lock = createHash("sha256")
    .update(readFileSync(join(directory, "package-lock.json")))
    .digest("hex");
  if (!existsSync(mark) || readFileSync(mark, "utf8") !== lock) {
    const { status, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", "--legacy-peer-deps"], {
      cwd: directory,
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`npm ci in ${directory} failed: ${stderr}`);
    writeFileSync(mark, lock);
  }
  return (file) => import(join(modules, file));
}
