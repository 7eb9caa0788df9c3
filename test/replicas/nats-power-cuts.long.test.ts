import { open, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { canMakeDisks, LoopDisk } from "../support/loop-disk.ts";
import type { NatsNode } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { hasPrograms } from "../support/programs.ts";
import { rounds, seed } from "../support/random.ts";
import { NatsReplicas } from "./nats-replicas.ts";

const canRun = natsBinary() !== undefined && hasPrograms("mkfs.ext4", "mount") && canMakeDisks();

/** Three replicas on three NATS servers, each of which has a disk of its own. */
async function startOnDisks() {
  const disks = await Promise.all([1, 2, 3].map(() => LoopDisk.make()));
  const dataDirectories = disks.map(({ directory }) => join(directory, "nats"));
  const all = await NatsReplicas.start(undefined, { dataDirectories });
  /** Servers lose their power at the same moment, and get it back. */
  const cutPower = async (nodes: readonly NatsNode[]) => {
    const failed = nodes.map((node) => disks[all.nats.nodes.indexOf(node)] as LoopDisk);
    await Promise.all(nodes.map((node) => node.freeze()));
    await Promise.all(failed.map((disk) => disk.capture()));
    await Promise.all(nodes.map((node) => node.kill()));
    await Promise.all(failed.map((disk) => disk.restore()));
    for (const node of nodes) node.start();
  };
  return { all, cutPower };
}

describe.skipIf(!canRun)("when the power fails", () => {
  it("a disk of these tests has what was synced, and nothing else", async () => {
    const disk = await LoopDisk.make();
    const [synced, other] = ["synced", "other"].map((name) => join(disk.directory, name)) as [string, string];
    const file = await open(synced, "w");
    await file.write("first");
    await file.sync();
    await file.write("second");
    await file.close();
    await writeFile(other, "third");
    await disk.capture();
    await disk.restore();
    expect(await readFile(synced, "utf8")).toBe("first");
    await expect(readFile(other)).rejects.toMatchObject({ code: "ENOENT" });
  });

  it(`at one machine, no write is lost or doubled (seed ${seed})`, async () => {
    const { all, cutPower } = await startOnDisks();
    await all.check(async () => {
      for (let round = 0; round < rounds; round++) {
        await all.progress();
        const leader = await all.nats.leaderOf("log");
        await Promise.all([cutPower([leader]), all.replace(all.random.below(3))]);
        await all.progress();
        await cutPower([all.random.pick(all.nats.nodes)]);
        await all.progress();
      }
    });
  });

  it(`at all servers, no write is lost or doubled (seed ${seed})`, async () => {
    const { all, cutPower } = await startOnDisks();
    await all.check(async () => {
      for (let round = 0; round < rounds; round++) {
        await all.progress();
        await cutPower(all.nats.nodes);
        await all.progress();
      }
    });
  });
});
