import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const script = new URL("../../examples/load-tree.ts", import.meta.url).pathname;

async function loadTree(...args: string[]): Promise<{ code: number; output: string; errors: string }> {
  const child = spawn(process.execPath, [script, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  let [output, errors] = ["", ""];
  child.stdout.on("data", (chunk) => (output += chunk));
  child.stderr.on("data", (chunk) => (errors += chunk));
  const [code] = await once(child, "close");
  return { code, output, errors };
}

test("a tree that was loaded over one protocol is read back over the other, also after a kill", async () => {
  const tree = await temporaryDirectory();
  for (const [name, content] of Object.entries({
    "text.txt": "Hello",
    empty: "",
    "deep/er/ünï code?#%.json": '{"value":"x"}',
    "binary.bin": Buffer.from([0xff, 0, 0xfe, 0x80]),
    "at the limit": "x".repeat(1024 * 1024),
    "too large": "x".repeat(1024 * 1024 + 1),
  })) {
    await mkdir(dirname(join(tree, name)), { recursive: true });
    await writeFile(join(tree, name), content);
  }
  const log = ["--log", `file:${await temporaryDirectory()}`];
  const server = await startServerProcess(log);
  onTestFinished(() => void server.stop("SIGKILL"));
  const pairs = [
    ["rest", "grpc"],
    ["grpc", "rest"],
  ] as const;
  for (const [protocol] of pairs) {
    const flags = ["--address", server.address, "--protocol", protocol, "--prefix", `${protocol}/`];
    const loaded = await loadTree(tree, ...flags);
    expect(loaded).toMatchObject({ code: 0, errors: "" });
    expect(loaded.output).toMatch(/^stored 5 files \(1 binary, 1048598 bytes\).*; 1 were too large\n$/);
  }
  await server.stop("SIGKILL");
  const again = await startServerProcess(log);
  onTestFinished(() => void again.stop("SIGKILL"));
  for (const [protocol, other] of pairs) {
    const flags = ["--address", again.address, "--protocol", other, "--prefix", `${protocol}/`, "--verify"];
    expect(await loadTree(tree, ...flags)).toMatchObject({ code: 0, errors: "" });
  }
  // It would notice.
  await appendFile(join(tree, "text.txt"), "!");
  await rm(join(tree, "empty"));
  const flags = ["--address", again.address, "--prefix", "rest/", "--verify"];
  const { code, errors } = await loadTree(tree, ...flags);
  expect(code).toBe(1);
  expect(errors).toContain("rest/text.txt has another content");
  expect(errors).toContain("the list has");
});
