// Runs every check of package.json (each script whose name begins with "check:"), two at a time, and reports all of
// them. Exits with 1 if one failed.
import { spawn } from "node:child_process";
import packageJson from "../package.json" with { type: "json" };

interface Result {
  readonly name: string;
  readonly passed: boolean;
  readonly seconds: number;
  readonly output: string;
}

const waiting = Object.entries(packageJson.scripts).filter(([name]) => name.startsWith("check:"));
const results: Result[] = [];
await Promise.all([runWaiting(), runWaiting()]);
const failed = results.filter(({ passed }) => !passed);
for (const { name, output } of failed) console.log(`\n${name}\n${output}`);
if (failed.length > 0) {
  console.log(`failed: ${failed.map(({ name }) => `npm run ${name}`).join(", ")}`);
  process.exitCode = 1;
}

async function runWaiting(): Promise<void> {
  for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
    const result = await run(...next);
    results.push(result);
    console.log(`${result.passed ? "passed" : "FAILED"}  ${result.name} (${result.seconds.toFixed(1)} s)`);
  }
}

/** npm adds the programs of node_modules to the PATH of the shell. */
async function run(name: string, command: string): Promise<Result> {
  const start = performance.now();
  const child = spawn(command, { shell: true, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const passed = await new Promise<boolean>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code === 0));
  });
  return { name, passed, seconds: (performance.now() - start) / 1000, output };
}
