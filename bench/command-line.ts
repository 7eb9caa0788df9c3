// How long the packaged command line takes to start, to complete a word, to export and to import: node bench/command-line.ts
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createReadStream, createWriteStream, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { startNodeServer } from "./server-process.ts";

const rounds = 30;
const entryCount = 100_000;
const root = join(import.meta.dirname, "..");
const directory = mkdtempSync(join(tmpdir(), "duetkv-bench-"));
const program = join(directory, "duetkv.mjs");
execFileSync(process.execPath, [join(root, "tools/bundle.ts"), directory]);
const flags = ["--log", "memory:", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
const [source, target] = [await startNodeServer(program, flags), await startNodeServer(program, flags)];

try {
  await measureStart();
  await measureTransfer();
} finally {
  await Promise.all([source.stop(), target.stop()]);
  rmSync(directory, { recursive: true, force: true });
}

/** Wall time and CPU time of a process in milliseconds; bash measures them to the millisecond. */
function runOnce(args: readonly string[]): { readonly wall: number; readonly cpu: number } {
  const command = [
    "-c",
    'TIMEFORMAT="%3R %3U %3S"; time "$@" > /dev/null',
    "bash",
    process.execPath,
    ...args,
  ];
  const { stderr } = spawnSync("bash", command, {
    encoding: "utf8",
    env: { ...process.env, DUETKV_CLIENT_SERVER: source.address },
  });
  const [wall, user, system] = (stderr.trim().split("\n").at(-1) ?? "").split(" ").map(Number);
  return { wall: (wall ?? 0) * 1000, cpu: ((user ?? 0) + (system ?? 0)) * 1000 };
}

/** The commands take turns, since the speed of the machine changes. */
async function measureStart(): Promise<void> {
  runOnce([program, "put", "a/key", "value"]);
  const commands = {
    "node -e 0": ["-e", "0"],
    get: [program, "get", "a/key"],
    put: [program, "put", "a/key", "value"],
    "complete a command": [program, "complete", "zsh", "ge"],
    "complete a key": [program, "complete", "zsh", "get", "a/"],
  };
  const times = Object.values(commands).map(() => ({ wall: [] as number[], cpu: [] as number[] }));
  for (let round = 0; round < rounds; round++) {
    for (const [index, args] of Object.values(commands).entries()) {
      const { wall, cpu } = runOnce(args);
      times[index]?.wall.push(wall);
      times[index]?.cpu.push(cpu);
    }
  }
  const [bare] = times;
  for (const [index, name] of Object.keys(commands).entries()) {
    const { wall, cpu } = times[index] as { wall: number[]; cpu: number[] };
    const ratios = [median(wall) / median(bare?.wall ?? []), median(cpu) / median(bare?.cpu ?? [])];
    console.log(
      `${name.padEnd(20)} wall ${median(wall).toFixed(0)} ms (least ${Math.min(...wall).toFixed(0)}), ` +
        `CPU ${median(cpu).toFixed(0)} ms (least ${Math.min(...cpu).toFixed(0)}), ` +
        `${ratios.map((ratio) => ratio.toFixed(2)).join(" and ")} of node -e 0`,
    );
  }
}

async function measureTransfer(): Promise<void> {
  for (let start = 0; start < entryCount; start += 1000) {
    const puts = Array.from({ length: 1000 }, (_, index) => ({
      put: { key: `key/${String(start + index).padStart(8, "0")}`, value: "x".repeat(100) },
    }));
    await fetch(`http://${source.address}/v1/key:commit`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ mutations: puts }),
    });
  }
  const file = join(directory, "export");
  await measureRate("export", ["export"], source.address, undefined, file);
  await measureRate("import", ["import"], target.address, file, undefined);
  await measureRate("import --mode mirror", ["import", "--mode", "mirror"], target.address, file, undefined);
}

async function measureRate(
  name: string,
  args: readonly string[],
  address: string,
  input: string | undefined,
  output: string | undefined,
): Promise<void> {
  const start = performance.now();
  const child = spawn(process.execPath, [program, ...args, "--quiet"], {
    stdio: ["pipe", "pipe", "inherit"],
    env: { ...process.env, DUETKV_CLIENT_SERVER: address },
  });
  const ended = once(child, "close");
  if (input === undefined) child.stdin.end();
  else await pipeline(createReadStream(input), child.stdin);
  if (output === undefined) child.stdout.resume();
  else await pipeline(child.stdout, createWriteStream(output));
  const [code] = await ended;
  if (code !== 0) throw new Error(`${name} ended with ${code}`);
  const seconds = (performance.now() - start) / 1000;
  console.log(`${name.padEnd(20)} ${Math.round(entryCount / seconds)} entries/s of 100 B`);
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
