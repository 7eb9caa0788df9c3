// Sends generated requests, valid and invalid, to a server, and checks its responses against the OpenAPI document:
// node test/schemathesis/run.ts [EXAMPLES [SEED]]. In CI the seed is fixed; elsewhere it is random. It is printed, and
// with it the requests are the same again. Needs Python 3. Without it, or without its package index, the run fails in
// CI; elsewhere it says so and succeeds.
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { startServerProcess } from "../support/server-process.ts";

const version = "4.32.5";
const place = join(import.meta.dirname, "../../node_modules/.cache/schemathesis");
const environment = join(place, version);
const schemathesis = join(environment, "bin/schemathesis");
const examples = process.argv[2] ?? "20";
const seed = process.argv[3] ?? String(process.env["CI"] ? 1 : randomInt(2 ** 32));

/** Runs the command where its caches are not in the way of the checkout. */
function run(command: string, ...args: readonly string[]): boolean {
  return spawnSync(command, args, { stdio: "inherit", cwd: place }).status === 0;
}

function install(): boolean {
  if (existsSync(schemathesis)) return true;
  mkdirSync(place, { recursive: true });
  console.log(`Installing schemathesis ${version} …`);
  const python = join(environment, "bin/python");
  return (
    run("python3", "-m", "venv", environment) &&
    run(python, "-m", "pip", "install", "--quiet", `schemathesis==${version}`)
  );
}

if (install()) {
  const server = await startServerProcess(["--log", "memory:"]);
  const config = join(import.meta.dirname, "schemathesis.toml");
  const document = `http://${server.address}/v1/openapi.json`;
  // A stream does not end by itself. Its messages are checked in test/tools.
  const selection = ["--phases", "examples,coverage,fuzzing", "--exclude-path", "/v1/key:watch"];
  // How long a response or the generation of a request takes says nothing on a busy machine.
  const patience = ["--request-timeout", "60", "--suppress-health-check", "all"];
  // Without it a read at a revision that never comes waits for as long as its generated deadline says.
  const deadline = ["--header", "Connect-Timeout-Ms: 2000"];
  console.log(`To repeat this run: npm run test:openapi -- ${examples} ${seed}`);
  const options = [
    "--max-examples",
    examples,
    "--seed",
    seed,
    "--generation-database",
    "none",
    "--continue-on-failure",
    ...selection,
    ...patience,
    ...deadline,
  ];
  const passed = run(schemathesis, "--config-file", config, "run", document, ...options, "--no-color");
  await server.stop();
  if (!passed) process.exitCode = 1;
} else {
  console.log("schemathesis was SKIPPED: it needs python3 with venv and pip, and the package index.");
  if (process.env["CI"]) process.exitCode = 1;
}
