import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { availableParallelism, cpus } from "node:os";
import { createInterface } from "node:readline";

/** A server under measurement, pinned to one core where that is possible. */
export interface ServerProcess {
  /** HOST:PORT */
  readonly address: string;
  /** HOST:PORT of Duet KV's admin port; empty for others. */
  readonly adminAddress: string;
  /** From the start of the process until it said that it was ready. */
  readonly startMs: number;
  /** CPU time that the process has used so far, in microseconds. */
  cpuMicros(): number;
  residentBytes(): number;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export const canPin = availableParallelism() > 1 && spawnSync("taskset", ["--version"]).status === 0;

/** The server has the first core, whatever makes its load has the second. */
const serverCore = 0;
export const loadCore = 1;

export function pinned(core: number, command: readonly string[]): readonly string[] {
  return canPin ? ["taskset", "-c", String(core), ...command] : command;
}

/** Keeps this process, where it makes the load itself, off the server's core. */
export function pinThisProcess(): void {
  useCores(String(loadCore));
}

/** The end of `pinThisProcess`, for processes that this one starts: they have its cores. */
export function unpinThisProcess(): void {
  useCores(`0-${cpus().length - 1}`);
}

function useCores(list: string): void {
  if (canPin) spawnSync("taskset", ["--all-tasks", "--cpu-list", "--pid", list, String(process.pid)]);
}

/** Starts a script in this Node, as `npm start` and the image do: the peers made of Node get the same. */
export function startNodeServer(
  script: string,
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  return startServer([process.execPath, "--no-allocation-site-pretenuring", script, ...args], environment);
}

/** Resolves when the process prints a JSON line whose `msg` is "ready"; `listen` in it is the address. */
export async function startServer(
  command: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<ServerProcess> {
  const start = performance.now();
  const child = spawnPinned(command, environment, "inherit");
  const lines = createInterface(child.stdout as NodeJS.ReadableStream);
  const ready = Promise.withResolvers<{ listen: string; admin?: string }>();
  lines.on("line", (line) => {
    const message = line.startsWith("{") ? JSON.parse(line) : {};
    if (message.msg !== "ready") return;
    ready.resolve(message);
    // Reading what a server logs must not slow the load, which has the same core.
    lines.close();
    child.stdout?.resume();
  });
  child.once("exit", (code) => ready.reject(new Error(`${command.join(" ")} ended with ${code}`)));
  const { listen, admin = "" } = await ready.promise;
  return toServerProcess(child, listen, admin, performance.now() - start);
}

/** For a program that does not report when it is ready: `isReady` is called until it returns true. */
export async function startForeignServer(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  address: string,
  isReady: () => Promise<boolean>,
): Promise<ServerProcess> {
  const start = performance.now();
  const child = spawnPinned(command, environment, "ignore");
  child.stdout?.resume();
  while (!(await isReady())) {
    if (child.exitCode !== null) throw new Error(`${command.join(" ")} ended with ${child.exitCode}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return toServerProcess(child, address, "", performance.now() - start);
}

function spawnPinned(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
  errors: "inherit" | "ignore",
): ChildProcess {
  const [program = "", ...args] = pinned(serverCore, command);
  const env = { ...process.env, ...environment };
  return spawn(program, args, { stdio: ["ignore", "pipe", errors], env });
}

function toServerProcess(
  child: ChildProcess,
  address: string,
  adminAddress: string,
  startMs: number,
): ServerProcess {
  // taskset becomes the program that it starts, so that the pid is the server's.
  const file = (name: string) => readFileSync(`/proc/${child.pid}/${name}`, "utf8");
  return {
    address,
    adminAddress,
    startMs,
    cpuMicros() {
      const fields = file("stat")
        .replace(/^.*\) /, "")
        .split(" ");
      // utime and stime, in ticks of 10 ms.
      return (Number(fields[11]) + Number(fields[12])) * 10_000;
    },
    residentBytes: () => Number(/VmRSS:\s+(\d+)/.exec(file("status"))?.[1]) * 1024,
    async stop(signal = "SIGTERM") {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const exit = once(child, "exit");
      child.kill(signal);
      await exit;
    },
  };
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
