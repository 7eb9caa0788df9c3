import { cp } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";
import { serverProgram } from "../support/server-program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { type OwnSystemd, startSystemd } from "./own-systemd.ts";

const unit = join(import.meta.dirname, "../../deploy/systemd/duetkv.service");
const key = "http://127.0.0.1:8080/v1/key/a";

/** The bundle and Node, as an operator installs them. */
async function programDirectory(): Promise<string> {
  const directory = await temporaryDirectory();
  await cp(dirname(serverProgram()), directory, { recursive: true });
  await cp(process.execPath, join(directory, "node"));
  return directory;
}

async function property({ run }: OwnSystemd, name: string): Promise<string> {
  return run("systemctl", "show", "duetkv", "--property", name, "--value");
}

function canRunSystemd(): boolean {
  if (!hasPrograms("systemctl", "unshare", "nsenter", "curl")) return false;
  if (process.getuid?.() === 0) return true;
  console.warn("SKIPPED: only root can start a systemd");
  return false;
}

test.skipIf(!canRunSystemd())("systemd runs the unit confined, restarts it, and stops it", async () => {
  const systemd = await startSystemd(unit, await programDirectory());
  const curl = (...args: string[]) => systemd.run("curl", "--silent", "--show-error", "--fail", ...args);
  await until(() => curl("--request", "PUT", "--data", "value", key).then(() => true));

  const pid = await property(systemd, "MainPID");
  const status = await systemd.run("cat", `/proc/${pid}/status`);
  expect(status).toMatch(/^Uid:\t[1-9]/m);
  expect(status).toMatch(/^CapEff:\t0+$/m);
  expect(status).toMatch(/^NoNewPrivs:\t1$/m);
  expect(status).toMatch(/^Seccomp:\t2$/m);
  await systemd.run("systemctl", "reload", "duetkv");
  expect(await property(systemd, "MainPID")).toBe(pid);

  await systemd.run("systemctl", "kill", "--signal=KILL", "duetkv");
  await until(async () => (await property(systemd, "NRestarts")) === "1");
  await until(async () => (await curl(key)) === "value");
  await systemd.run("systemctl", "stop", "duetkv");
  expect(await property(systemd, "Result")).toBe("success");
  expect(await property(systemd, "ExecMainStatus")).toBe("0");
});
