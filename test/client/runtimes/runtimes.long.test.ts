import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import * as esbuild from "esbuild";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { lacksChromium, openChromium } from "../../support/chromium.ts";
import { installForeignPackages } from "../../support/foreign-packages.ts";
import { createRandom, seed } from "../../support/random.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { type Fault, startFaultProxy } from "../fault-proxy.ts";

installForeignPackages("client-runtimes");
const packages = new URL("../../foreign/client-runtimes/node_modules/", import.meta.url).pathname;

/** Runtimes as commands that take a file. */
const runtimes: Readonly<Record<string, readonly string[]>> = {
  "Node 20": [join(packages, "node-20/bin/node")],
  "Node 22": [join(packages, "node-22/bin/node")],
  "Node 24": [process.execPath],
  Deno: [join(packages, "@deno/linux-x64-glibc/deno"), "run", "--no-config", "--allow-net"],
  Bun: [join(packages, "@oven/bun-linux-x64-baseline/bin/bun"), "run"],
};

/** Whether the packages have no such program for this platform. In CI they must. */
function lacks(name: string, [program = ""]: readonly string[]): boolean {
  if (existsSync(program)) return false;
  if (process.env["CI"]) throw new Error(`CI needs ${name}, which runs on Linux with x64`);
  console.warn(`SKIPPED: no ${name} for this platform`);
  return true;
}

/** The checks as one script, which defines `promises`. */
let script: string;

beforeAll(async () => {
  const { outputFiles } = await esbuild.build({
    entryPoints: [new URL("promises.ts", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "iife",
    globalName: "promises",
    // As the package is built.
    platform: "neutral",
    target: "es2022",
  });
  script = outputFiles[0]?.text ?? "";
});

/** URLs of a server until the test is over: through a proxy with faults, and without. */
async function startBoth(): Promise<{ readonly faulty: string; readonly direct: string }> {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const server = await startServerProcess(["--log", "memory:", "--cors-origin", "*"]);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  const proxy = await startFaultProxy(server.address);
  const faults: readonly Fault[] = ["pass", "lose", "cut", "double", "pass"];
  let calls = 0;
  let inRow = 0;
  proxy.decide = (method) => {
    if (method === "GetStatus") return "hold";
    if (method === "Watch") return "pass";
    // With watches in the middle of a message.
    if (++calls % 20 === 0) proxy.cutAll();
    // Three callers at once, whose connections are cut besides, must not use up the budget of retries: a lock that was taken
    // by a try whose response got lost would stay until it expires.
    const fault = inRow < 2 ? random.pick(faults) : "pass";
    inRow = fault === "lose" || fault === "cut" ? inRow + 1 : 0;
    return fault;
  };
  return { faulty: proxy.url, direct: `http://${server.address}` };
}

function expectPassed(results: unknown): void {
  const checks = Object.entries(results as Record<string, string>);
  expect(checks.length).toBeGreaterThan(5);
  expect(Object.fromEntries(checks.filter(([, result]) => result !== "passed"))).toEqual({});
}

for (const [name, command] of Object.entries(runtimes)) {
  test.skipIf(lacks(name, command))(`the client keeps its promises in ${name}`, async () => {
    const { faulty, direct } = await startBoth();
    const file = join(await temporaryDirectory(), "promises.mjs");
    const urls = [faulty, direct].map((url) => JSON.stringify(url)).join(", ");
    await writeFile(file, `${script}\nconsole.log(JSON.stringify(await promises.checkPromises(${urls})));\n`);
    const [program = "", ...args] = command;
    const child = spawn(program, [...args, file], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const [output, [code]] = await Promise.all([text(child.stdout), once(child, "close")]);
    expect({ output, code }).toMatchObject({ code: 0 });
    expectPassed(JSON.parse(output));
  });
}

describe.skipIf(lacksChromium())("in a page of another origin", () => {
  test("the client keeps its promises in Chromium", async () => {
    const { faulty, direct } = await startBoth();
    const browser = await openChromium();
    const page = await (await browser.newContext({ bypassCSP: true })).newPage();
    await page.goto(`${direct}/v1/status`);
    await page.addScriptTag({ content: `${script}\nglobalThis.promises = promises;` });
    const results = await page.evaluate(
      `promises.checkPromises(${JSON.stringify(faulty)}, ${JSON.stringify(direct)})`,
    );
    expectPassed(results);
  });
});
