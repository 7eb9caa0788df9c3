import { type ChildProcess, execFile, spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/** buildah and podman with images, containers and volumes of their own, and without a daemon. Needs root. */
export class ContainerEngine {
  /** For files of the test; removed with everything else. */
  readonly directory: string;
  readonly #environment: NodeJS.ProcessEnv;

  private constructor(directory: string) {
    this.directory = directory;
    this.#environment = {
      ...process.env,
      CONTAINERS_CONF: join(directory, "containers.conf"),
      CONTAINERS_STORAGE_CONF: join(directory, "storage.conf"),
      // There is no systemd to run health checks; the test runs them.
      DISABLE_HC_SYSTEMD: "true",
    };
  }

  static async open(): Promise<ContainerEngine> {
    // A short path: it becomes part of the names of sockets.
    const directory = await mkdtemp(join(tmpdir(), "dkv-"));
    const within = (name: string) => JSON.stringify(join(directory, name));
    await mkdir(join(directory, "tmp"));
    // Without a driver, it takes one that works on this file system.
    const storage = ["[storage]", `graphroot = ${within("store")}`, `runroot = ${within("run")}`];
    const engine = [
      "[containers]",
      // The defaults are more than root may set in a confined machine.
      'default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]',
      "[engine]",
      // crun refuses machines that have both versions of cgroups.
      'runtime = "runc"',
      'cgroup_manager = "cgroupfs"',
      'events_logger = "file"',
      'lock_type = "file"',
      // Nothing else of podman may be placed by this file: the program that cleans up after a container does not read it, and
      // podman would wait 20 s for it in vain.
      `tmp_dir = ${within("tmp")}`,
    ];
    await writeFile(join(directory, "storage.conf"), storage.join("\n"));
    await writeFile(join(directory, "containers.conf"), engine.join("\n"));
    return new ContainerEngine(directory);
  }

  /** Resolves with what the program printed; rejects if it fails. */
  async run(program: "buildah" | "podman", ...args: readonly string[]): Promise<string> {
    const options = { env: this.#environment, maxBuffer: 64 * 2 ** 20 };
    return (await promisify(execFile)(program, args, options)).stdout.trimEnd();
  }

  /** Starts a program in a running container. */
  exec(container: string, ...command: readonly string[]): ChildProcess {
    const args = ["exec", container, ...command];
    return spawn("podman", args, { env: this.#environment, stdio: ["ignore", "pipe", "inherit"] });
  }

  /** Removes all containers, images and volumes. */
  async close(): Promise<void> {
    await this.run("podman", "rm", "--all", "--force", "--time", "0");
    await this.run("buildah", "rm", "--all");
    await rm(this.directory, { recursive: true });
  }
}
