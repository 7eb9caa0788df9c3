/**
 * Loads a copy of node_modules twice, through REST and through gRPC, kills the server with SIGKILL, starts it again and compares
 * every byte with the other protocol than the one that stored it.
 *
 *     node examples/load-node-modules.ts [DIR]
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startServerProcess } from "../test/support/server-process.ts";

const original = process.argv[2] ?? new URL("../node_modules", import.meta.url).pathname;
const directory = await mkdtemp(join(tmpdir(), "duetkv-tree-"));
// Tools keep caches in node_modules, which change meanwhile.
const tree = join(directory, "tree");
const data = join(directory, "data");

async function loadTree(...flags: string[]): Promise<void> {
  const script = new URL("load-tree.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [script, tree, ...flags], { stdio: "inherit" });
  const [code] = await once(child, "exit");
  if (code !== 0) throw new Error(`load-tree ${flags.join(" ")} ended with ${code}`);
}

try {
  await cp(original, tree, { recursive: true, verbatimSymlinks: true });
  // Two copies of a tree of this size are more than a store holds by default.
  const flags = ["--log", `file:${data}`, "--store-bytes-max", String(4 * 2 ** 30)];
  const server = await startServerProcess(flags);
  try {
    await loadTree("--address", server.address, "--protocol", "rest", "--prefix", "rest/");
    await loadTree("--address", server.address, "--protocol", "grpc", "--prefix", "grpc/");
  } finally {
    await server.stop("SIGKILL");
  }
  const start = performance.now();
  const again = await startServerProcess(flags);
  console.log(`killed, and ready again after ${((performance.now() - start) / 1000).toFixed(1)} s`);
  try {
    await loadTree("--address", again.address, "--protocol", "grpc", "--prefix", "rest/", "--verify");
    await loadTree("--address", again.address, "--protocol", "rest", "--prefix", "grpc/", "--verify");
  } finally {
    await again.stop();
  }
} finally {
  await rm(directory, { recursive: true });
}
