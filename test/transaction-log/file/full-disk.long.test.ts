import { spawnSync } from "node:child_process";
import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished } from "vitest";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";

const diskMiB = 48;
const disk = mountDisk();

describe.skipIf(disk === undefined)("the process on a small disk", () => {
  afterAll(() => {
    spawnSync("umount", ["--lazy", disk as string]);
    rmdirSync(disk as string);
  });

  it("survives its own garbage, refuses puts when the disk is full, and accepts deletes", async () => {
    const server = await startServerProcess(["--log", `file:${join(disk as string, "data")}`]);
    onTestFinished(() => void server.stop("SIGKILL"));
    // More than the disk holds. A client tries again when the log has to be compacted first.
    for (let count = 0; count < diskMiB * 1.5; count++) {
      await until(async () => (await write(server, "PUT", `key-${count % 5}`)) === 201);
    }
    await until(async () => (await ready(server)).status === 200);

    // A refusal may also last until a compaction has ended; one that stays is due to what is live.
    let filled = 0;
    let refusals = 0;
    const reasons = new Set<string>();
    await until(async () => {
      if ((await write(server, "PUT", `more-${filled}`)) === 201) {
        filled++;
        refusals = 0;
      } else {
        refusals++;
        const { status, text } = await ready(server);
        if (status !== 200) reasons.add(text);
      }
      return refusals === 30;
    });
    expect(filled).toBeGreaterThan(5);
    expect([...reasons]).toEqual([expect.stringMatching(/^no space left on the disk [^.]*room\n$/)]);
    expect((await fetch(`http://${server.address}/v1/key/key-0`)).status).toBe(200);
    for (let count = 0; count < filled; count++) {
      expect(await write(server, "DELETE", `more-${count}`)).toBe(200);
    }
    await until(async () => (await write(server, "PUT", "again")) === 201);
    await until(async () => (await ready(server)).status === 200);
    expect(await server.stop()).toBe(0);
  });
});

/** A file system in memory of its own; undefined where this user may not mount one. */
function mountDisk(): string | undefined {
  const place = mkdtempSync(join(tmpdir(), "duetkv-disk-"));
  const options = ["-t", "tmpfs", "-o", `size=${diskMiB}m`, "tmpfs", place];
  if (spawnSync("mount", options).status === 0) return place;
  rmdirSync(place);
  console.warn("SKIPPED: mounting a small disk is not permitted, so the process is not tried on one");
  return undefined;
}

async function write(server: ServerProcess, method: "PUT" | "DELETE", key: string): Promise<number> {
  const body = method === "PUT" ? { body: "x".repeat(1024 * 1024) } : {};
  const response = await fetch(`http://${server.address}/v1/key/${key}`, { method, ...body });
  await response.arrayBuffer();
  return response.status;
}

async function ready(server: ServerProcess): Promise<{ status: number; text: string }> {
  const response = await fetch(`http://${server.adminAddress}/readyz`);
  return { status: response.status, text: await response.text() };
}
