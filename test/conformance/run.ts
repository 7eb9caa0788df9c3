// Runs the Connect conformance suite against the wire, with its fast paths and without them. Needs Go. Without Go it
// fails in CI; elsewhere it says so and succeeds.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";

const version = "v1.0.7";
const suite = "connectrpc.com/conformance/cmd/connectconformance";
const binaries = join(import.meta.dirname, "../../node_modules/.cache/conformance", version);
const runner = join(binaries, "connectconformance");

function run(command: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): boolean {
  const { status } = spawnSync(command, args, { stdio: "inherit", env: { ...process.env, ...env } });
  return status === 0;
}

function install(): boolean {
  if (existsSync(runner)) return true;
  if (spawnSync("go", ["version"]).status !== 0) {
    console.log("The conformance suite was SKIPPED: it is a Go program, and Go is not installed.");
    if (process.env["CI"]) process.exitCode = 1;
    return false;
  }
  console.log(`Installing ${suite}@${version} …`);
  mkdirSync(binaries, { recursive: true });
  if (run("go", ["install", `${suite}@${version}`], { GOBIN: binaries })) return true;
  process.exitCode = 1;
  return false;
}

if (install()) {
  const here = import.meta.dirname;
  const list = (kind: string, file: string): string[] => [`--known-${kind}`, `@${join(here, file)}`];
  const known = [...list("failing", "known-failing.txt"), ...list("flaky", "known-flaky.txt")];
  for (const mode of ["--with-fast-path", "--without-fast-path"]) {
    console.log(`\nConformance of the wire ${mode.slice(2).replaceAll("-", " ")}:`);
    const options = ["--conf", join(here, "config.yaml"), "--mode", "server", "--max-servers", "2"];
    const server = [process.execPath, join(here, "server.ts"), mode];
    if (!run(runner, [...options, ...known, "--", ...server])) process.exitCode = 1;
  }
}
