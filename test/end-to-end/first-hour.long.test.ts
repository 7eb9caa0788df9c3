import { execFile } from "node:child_process";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { freePort } from "../support/ports.ts";
import { hasPrograms } from "../support/programs.ts";
import { serverProgram } from "../support/server-program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const run = promisify(execFile);

test.skipIf(!hasPrograms("bash", "curl", "etcd"))("a user's first hour works from a shell", async () => {
  const [bundle, directory] = [dirname(serverProgram()), await temporaryDirectory()];
  const env = {
    PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`,
    HOME: directory,
    ETCD_PORT: String(await freePort()),
    ETCD_PEER_PORT: String(await freePort()),
  };
  const packed = await run("npm", ["pack", bundle, "--silent", "--pack-destination", directory], { env });
  const script = join(import.meta.dirname, "first-hour.sh");
  const { stdout } = await run("bash", [script, `./${packed.stdout.trim()}`], { cwd: directory, env });
  expect(stdout.trimEnd().split("\n")).toEqual([
    "installed",
    "serves",
    "writes",
    "watches",
    "locks",
    "backed up",
    "restored",
    "migrated",
  ]);
});
