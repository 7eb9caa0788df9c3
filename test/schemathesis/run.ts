// Sends generated requests, valid and invalid, to a server, and checks its responses against the OpenAPI document:
// node test/schemathesis/run.ts [EXAMPLES [SEED]]. In CI the seed is fixed; elsewhere it is random. It is printed, and
// with it the requests are the same again. Needs Python 3. Without it, or without its package index, the run fails in
// CI; elsewhere it says so and succeeds.
import { spawnSync } from "node:child_process";
import { randomInt } from "node:crypto";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
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

/** The document with request ids of about now: it cannot say that all others are refused, which would be nearly all. */
function withPresentIds(document: string): string {
  const time = Buffer.alloc(6);
  // In the middle of the time in which they are valid.
  time.writeUIntBE(Date.now() + 5 * 60_000, 0, time.length);
  const start = Array.from(time.toString("base64").slice(0, 5), (digit) => `[${digit}]`).join("");
  const present = document
    .replaceAll("^[0-9a-f]{8}-[0-9a-f]{4}-7", `^${time.toString("hex", 0, 4)}-[0-9a-f]{4}-7`)
    .replaceAll("^([\\\\w+/-]{8}", `^(${start}[\\\\w+/-]{3}`);
  if (present.split(start).length < 2)
    throw new Error("the document has no request ids as they were expected");
  return present;
}

if (install()) {
  const server = await startServerProcess(["--log", "memory:"]);
  const config = join(import.meta.dirname, "schemathesis.toml");
  const url = `http://${server.address}/`;
  const document = join(place, "openapi.json");
  writeFileSync(document, withPresentIds(await (await fetch(`${url}v1/openapi.json`)).text()));
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
    "--no-color",
    ...selection,
    ...patience,
    ...deadline,
  ];
  const passed = run(schemathesis, "--config-file", config, "run", document, "--url", url, ...options);
  await server.stop();
  if (!passed) process.exitCode = 1;
} else {
  console.log("schemathesis was SKIPPED: it needs python3 with venv and pip, and the package index.");
  if (process.env["CI"]) process.exitCode = 1;
}
