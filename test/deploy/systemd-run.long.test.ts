import { chmod, chown, cp, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { generate } from "selfsigned";
import { expect, test } from "vitest";
import { hasPrograms, isRoot } from "../support/programs.ts";
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

const canRun = hasPrograms("systemctl", "unshare", "nsenter", "curl") && isRoot();
test.skipIf(!canRun)("systemd runs the unit confined, restarts it, and stops it", async () => {
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

  // As the documents say: a backup, and its restore.
  const duetkv = (...args: string[]) => systemd.run("/opt/duetkv/node", "/opt/duetkv/duetkv.mjs", ...args);
  const [log, backup] = ["/var/lib/private/duetkv", "/run/store.snapshot"];
  await duetkv("snapshot", "save", backup);
  await systemd.run("systemctl", "stop", "duetkv");
  expect(await property(systemd, "Result")).toBe("success");
  expect(await property(systemd, "ExecMainStatus")).toBe("0");
  await systemd.run("mv", log, `${log}.old`);
  await duetkv("snapshot", "restore", backup, "--log", `file:${log}`);
  await systemd.run("systemctl", "start", "duetkv");
  await until(async () => (await curl(key)) === "value");
  await duetkv("snapshot", "verify", backup, "--server", "127.0.0.1:8080");
  await systemd.run("systemctl", "stop", "duetkv");
});

test.skipIf(!canRun)("the unit reads a key that only a group may read", async () => {
  const directory = await programDirectory();
  const pair = await generate([{ name: "commonName", value: "localhost" }], { algorithm: "sha256" });
  const keyFile = join(directory, "tls.key");
  await writeFile(join(directory, "tls.crt"), pair.cert);
  await writeFile(keyFile, pair.private);
  const group = /^adm:x:(\d+)/m.exec(await readFile("/etc/group", "utf8"))?.[1];
  await chown(keyFile, 0, Number(group));
  await chmod(keyFile, 0o640);
  const files = "DUETKV_TLS_CERT=/opt/duetkv/tls.crt DUETKV_TLS_KEY=/opt/duetkv/tls.key";
  const changed = join(await temporaryDirectory(), "duetkv.service");
  const text = await readFile(unit, "utf8");
  await writeFile(changed, `${text}\n[Service]\nSupplementaryGroups=adm\nEnvironment=${files}\n`);
  const systemd = await startSystemd(changed, directory);
  const list = "https://127.0.0.1:8080/v1/key";
  await until(() => systemd.run("curl", "--silent", "--fail", "--insecure", list).then(() => true));
});
