import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { expect, onTestFinished, test } from "vitest";
import { freePort } from "../support/ports.ts";
import { createRandom, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { runCli, startCli } from "./run-cli.ts";

const entryCount = 100_000;

async function startServer(...flags: readonly string[]): Promise<ServerProcess> {
  const server = await startServerProcess(flags);
  onTestFinished(async () => void (await server.stop("SIGKILL")));
  return server;
}

async function commit({ address }: ServerProcess, mutations: readonly object[]): Promise<void> {
  const response = await fetch(`http://${address}/v1/key:commit`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ mutations }),
  });
  expect(response.status).toBe(200);
}

async function revisionOf({ address }: ServerProcess): Promise<bigint> {
  const status = (await (await fetch(`http://${address}/v1/status`)).json()) as { revision: string };
  return BigInt(status.revision);
}

/** Resolves when more than `count` transactions have followed a revision. */
async function grownBy(server: ServerProcess, before: bigint, count: number): Promise<void> {
  await until(async () => (await revisionOf(server)) > before + BigInt(count));
}

/** The end record of an export: count and hash of all keys and values. */
async function contentOf({ address }: ServerProcess): Promise<{ count: number; sha256: string }> {
  const child = startCli(["export"], { address });
  let end = "";
  for await (const chunk of child.stdout) end = `${end}${chunk}`.slice(-1000);
  const { count, sha256 } = JSON.parse(end.trimEnd().split("\n").at(-1) as string).end;
  return { count, sha256 };
}

/** Starts `export | import`, as a shell does. */
async function startMirror(source: ServerProcess, target: ServerProcess) {
  const flags = ["--mode", "mirror", "--batch", "100", "--timeout", "200s"];
  const reader = startCli(["export"], { address: source.address });
  // A killed import leaves its copy of the export there.
  const environment = { TMPDIR: await temporaryDirectory() };
  const writer = startCli(["import", ...flags], { address: target.address, environment });
  onTestFinished(() => {
    for (const child of [reader, writer]) child.kill("SIGKILL");
  });
  writer.stdin.on("error", () => {});
  reader.stdout.pipe(writer.stdin);
  return { reader, writer, ended: once(writer, "close") };
}

test("a mirror of 100,000 entries is equal by hash, however often it or its server is interrupted", async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const source = await startServer("--log", "memory:");
  for (let start = 0; start < entryCount; start += 1000) {
    await commit(
      source,
      Array.from({ length: 1000 }, (_, index) => {
        const value = random.chance(0.1) ? { bytesValue: "/wA=" } : { value: "v".repeat(random.below(100)) };
        return { put: { key: `k/${(start + index).toString(36)}`, ...value } };
      }),
    );
  }
  const content = await contentOf(source);
  expect(content.count).toBe(entryCount);
  const log = ["--log", `file:${await temporaryDirectory()}`];
  const address = `127.0.0.1:${await freePort()}`;
  let target = await startServer(...log, "--listen", address);
  await commit(target, [{ put: { key: "stale", value: "x" } }, { put: { key: "k/1", value: "other" } }]);

  // The export is cut: nothing is written.
  let before = await revisionOf(target);
  let mirror = await startMirror(source, target);
  await once(mirror.reader.stdout, "data");
  mirror.reader.kill("SIGKILL");
  expect(await mirror.ended).toEqual([9, null]);
  expect(await revisionOf(target)).toBe(before);

  // The import is killed, again and again.
  for (let kills = 0; kills < 3; kills++) {
    mirror = await startMirror(source, target);
    await grownBy(target, before, 1 + random.below(100));
    mirror.writer.kill("SIGKILL");
    await mirror.ended;
    before = await revisionOf(target);
  }

  // Its server is killed and starts again.
  mirror = await startMirror(source, target);
  await grownBy(target, before, 1 + random.below(100));
  await target.stop("SIGKILL");
  target = await startServer(...log, "--listen", address);
  expect(await mirror.ended).toEqual([0, null]);
  expect(await contentOf(target)).toEqual(content);

  // Once they are equal, a mirror writes nothing.
  const revision = await revisionOf(target);
  expect(await (await startMirror(source, target)).ended).toEqual([0, null]);
  expect(await revisionOf(target)).toBe(revision);
});

test("an import of 100,000 entries resumes after it was killed again and again", async () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const source = await startServer("--log", "memory:");
  for (let start = 0; start < entryCount; start += 1000) {
    await commit(
      source,
      Array.from({ length: 1000 }, (_, index) => ({ put: { key: `k/${start + index}`, value: "x" } })),
    );
  }
  const directory = await temporaryDirectory();
  const [file, state] = [join(directory, "export"), join(directory, "state")];
  await pipeline(startCli(["export"], { address: source.address }).stdout, createWriteStream(file));
  const target = await startServer("--log", "memory:");
  const args = ["import", file, "--resume", state, "--batch", "100"];
  for (let kills = 0; kills < 5; kills++) {
    const before = await revisionOf(target);
    const child = startCli(args, { address: target.address });
    const ended = once(child, "close");
    await grownBy(target, before, 1 + random.below(50));
    child.kill("SIGKILL");
    await ended;
    expect((await stat(state)).size).toBeGreaterThan(0);
  }
  const { code, stderr } = await runCli(args, { address: target.address });
  expect({ code, stderr }).toEqual({ code: 0, stderr: expect.stringMatching(/^imported \d+, skipped 0/) });
  // At most one batch of each run was written twice.
  const imported = Number(/\d+/.exec(stderr)?.[0]);
  expect(imported).toBeLessThan(entryCount - 4 * 100);
  expect(await contentOf(target)).toEqual(await contentOf(source));
});
