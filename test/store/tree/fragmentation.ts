import { expect } from "vitest";
import { pageClass } from "../../../src/store/memory/size-classes.ts";
import { blockBytes, reserveSlabs } from "../../../src/store/memory/slabs.ts";
import { Tree } from "../../../src/store/tree/tree.ts";
import { createRandom } from "../../support/random.ts";

/** What the used blocks may take, as a multiple of what is in use in them. */
const blocksMax = 1.3;
/** Each class of slots may have a block that is partly used. In a small store that is much. */
const partlyUsedBytes = (pageClass + 1) * blockBytes;
const batchLength = 64;

const text = "x".repeat(5000);

/**
 * Overwrites entries at random, again and again, with values whose sizes shift from pattern to pattern; then deletes most
 * of them. The memory must stay compact. Returns a line about each pattern.
 */
export function runFragmentation(seed: number, entries: number): readonly string[] {
  const random = createRandom(seed);
  const tree = new Tree(reserveSlabs(Math.ceil((entries * 4000) / 2 ** 26) + 1));
  const lines: string[] = [];
  let revision = 0;
  let moves = 0;
  let worst = 0;
  const put = (index: number, valueBytes: number) => {
    const key = `user:${String(index).padStart(8, "0")}`;
    const value = text.slice(0, valueBytes);
    tree.put({
      key,
      value,
      revision: ++revision,
      createRevision: 1,
      version: 1,
      updateTime: 1,
      expireTime: 0,
    });
  };
  const publish = () => {
    moves += tree.evacuate(2 * batchLength);
    tree.publish(revision, 1);
    const { usedBytes, liveBytes } = tree.usage;
    // Each class of slots has a block that is partly used; that matters only in small stores.
    if (liveBytes > 16 * 2 ** 20) worst = Math.max(worst, usedBytes / liveBytes);
  };
  const report = (name: string, operations: number) => {
    const { usedBytes, liveBytes } = tree.usage;
    const ratio = usedBytes / liveBytes;
    lines.push(
      `${name}: blocks/live ${ratio.toFixed(3)}, worst ${worst.toFixed(3)}, moves ${(moves / operations).toFixed(3)}`,
    );
    tree.verify();
    const allowed = blocksMax * liveBytes + (liveBytes < 2 ** 24 ? partlyUsedBytes : 0);
    expect(usedBytes <= allowed ? "compact" : lines.at(-1)).toBe("compact");
    moves = 0;
    worst = 0;
  };
  const overwrite = (name: string, valueBytes: () => number) => {
    const operations = 3 * entries;
    for (let operation = 1; operation <= operations; operation++) {
      put(random.below(entries), valueBytes());
      if (operation % batchLength === 0) publish();
    }
    report(name, operations);
  };

  for (let index = 0; index < entries; index++) put(index, 20 + random.below(200));
  publish();
  overwrite("20 to 220 bytes", () => 20 + random.below(200));
  overwrite("20 to 1,000 bytes", () => 20 + random.below(980));
  overwrite("all 300 to 340 bytes", () => 300 + random.below(40));
  overwrite("all 60 to 70 bytes", () => 60 + random.below(10));
  overwrite("10 to 5,000 bytes, most of them small", () =>
    Math.floor(10 * 500 ** (random.below(1000) / 1000)),
  );

  let deletes = 0;
  for (let index = 0; index < entries; index++) {
    if (random.chance(0.8)) tree.remove(`user:${String(index).padStart(8, "0")}`);
    if (++deletes % batchLength === 0) publish();
  }
  for (let idle = 0; idle < 200; idle++) publish();
  report("four in five deleted", entries);
  return lines;
}
