import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";
import { until } from "../support/until.ts";

/** A systemd that runs one unit. */
export interface OwnSystemd {
  /** Runs a program where the unit runs; resolves with what it printed, rejects if it fails. */
  readonly run: (program: string, ...args: readonly string[]) => Promise<string>;
}

/**
 * Starts a systemd in namespaces of its own, until the test is over: it has its own /run, /var/lib, /opt and network, and no
 * units but the one at `unit` and empty targets, so that it changes nothing of this machine. `program` is a directory whose
 * content it finds in /opt/duetkv. Needs root.
 */
export async function startSystemd(unit: string, program: string): Promise<OwnSystemd> {
  const namespaces = ["mount", "pid", "cgroup", "ipc", "uts", "net"].map((name) => `--${name}`);
  const options = [...namespaces, "--fork", "--kill-child", "--mount-proc"];
  const child = spawn("unshare", [...options, "bash", "-ec", script, "bash", unit, program], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
  onTestFinished(async () => {
    const exit = once(child, "exit");
    if (child.kill("SIGKILL")) await exit;
  });
  const systemd: OwnSystemd = {
    run: async (name, ...args) => {
      const pid = (await readFile(`/proc/${child.pid}/task/${child.pid}/children`, "utf8")).trim();
      const { stdout } = await promisify(execFile)("nsenter", ["--target", pid, "--all", name, ...args]);
      return stdout.trim();
    },
  };
  await until(async () => {
    if (child.exitCode !== null) return true;
    return (await systemd.run("systemctl", "is-active", "test.target")) === "active";
  });
  if (child.exitCode !== null) throw new Error(`systemd ended: ${errors}`);
  return systemd;
}

const script = `
mount --make-rprivate /
umount --recursive /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for directory in /run /var/lib /opt; do mount -t tmpfs tmpfs $directory; done
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mkdir -p /run/units /opt/duetkv
cp "$1" /run/units/
cp --archive "$2"/* /opt/duetkv/
for target in sysinit basic shutdown multi-user network-online test; do
  printf "[Unit]\\nDefaultDependencies=no\\n" > /run/units/$target.target
done
echo "Requires=$(basename "$1")" >> /run/units/test.target
# With this variable systemd knows that it does not own the machine.
exec env -i container=test PATH="$PATH" SYSTEMD_UNIT_PATH=/run/units \
  /lib/systemd/systemd --system --unit=test.target --show-status=no
`;
