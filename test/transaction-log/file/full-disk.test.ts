import { describe, expect, it } from "vitest";
import type { FileTransactionLogger } from "../../../src/transaction-log/file/file-transaction-logger.ts";
import type { TransactionEvent } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { LogModel, put, transaction } from "../log-model.ts";
import { directory, openIn } from "./damaged-log.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

const kib = 1024;
const noSpace = { reason: "LOG_UNAVAILABLE", message: expect.stringMatching(/^no space left on the disk/) };

/** A log on a small disk, and an owner that compacts when the log wants it. */
class Owner {
  readonly fileSystem = new MemoryFileSystem({ durableWrites: true });
  readonly model = new LogModel();
  log!: FileTransactionLogger;

  static async open(capacity: number): Promise<Owner> {
    const owner = new Owner();
    owner.fileSystem.capacity = capacity;
    await owner.reopen();
    return owner;
  }

  async reopen(): Promise<void> {
    await this.log?.close();
    this.log = await openIn(this.fileSystem, { segmentBytes: 4 * kib, watchDelayMs: 1 });
  }

  async append(event: TransactionEvent): Promise<void> {
    const next = transaction(this.model.lastSequence + 1, event);
    await this.log.append(this.model.lastSequence, [next]);
    this.model.transactions.push(next);
    await this.compactIfWanted();
  }

  async compactIfWanted(): Promise<void> {
    if (!this.log.compactionWanted) return;
    const { lastSequence } = this.model;
    await this.log.compact(this.model.retentionAt(lastSequence)).catch(() => {});
  }

  /** Puts values of 500 bytes under new keys until one is refused; returns how many were taken. */
  async fill(prefix = "key"): Promise<number> {
    for (let count = 0; ; count++) {
      try {
        await this.append(put(`${prefix} ${count}`, "x".repeat(500)));
      } catch (error) {
        expect(error).toMatchObject(noSpace);
        return count;
      }
    }
  }

  delete(key: string): Promise<void> {
    return this.append({ type: "delete", key, expired: false });
  }

  /** Waits until all writes are taken, and compacts when the log wants it meanwhile. */
  async untilWritable(): Promise<void> {
    await until(async () => {
      await this.compactIfWanted();
      return this.log.fault === undefined;
    });
  }

  async expectKept(): Promise<void> {
    await this.model.expectIn(this.log);
    await this.reopen();
    await this.model.expectIn(this.log);
    await this.log.close();
    expect(this.fileSystem.openFiles).toBe(0);
  }
}

describe("a log on a small disk", () => {
  it("never fills the disk with overwritten entries", async () => {
    const owner = await Owner.open(64 * kib);
    const random = createRandom(seed);
    for (let count = 0; count < 2000; count++) {
      await owner.append(put(`key ${random.below(16)}`, "x".repeat(500)));
    }
    expect(owner.log.fault).toBeUndefined();
    await owner.expectKept();
  });

  it("refuses puts when live entries fill it, accepts deletes, and accepts puts again after them", async () => {
    const owner = await Owner.open(128 * kib);
    const count = await owner.fill();
    expect(count).toBeGreaterThan(60);
    expect(owner.log.fault).toMatchObject(noSpace);
    expect(owner.log.deletesOnly).toBe(true);
    for (let index = 0; index < count / 2; index++) await owner.delete(`key ${index}`);
    await owner.untilWritable();
    const more = await owner.fill("more");
    expect(more).toBeGreaterThan(count / 4);
    // Nothing but deletes, however many there are.
    for (let index = Math.ceil(count / 2); index < count; index++) await owner.delete(`key ${index}`);
    for (let index = 0; index < more; index++) await owner.delete(`more ${index}`);
    await owner.untilWritable();
    expect(await owner.fill("again")).toBeGreaterThan(60);
    await owner.expectKept();
  });

  it("accepts deletes from its reserve when others fill the disk, and heals when there is room again", async () => {
    const owner = await Owner.open(256 * kib);
    for (let index = 0; index < 40; index++) await owner.append(put(`key ${index}`, "x".repeat(500)));
    expect(owner.fileSystem.names()).toContain("reserve");
    owner.fileSystem.replace(`${directory}/../foreign`, Buffer.alloc(owner.fileSystem.freeBytes));
    await owner.fill("more");
    for (let index = 0; index < 40; index++) await owner.delete(`key ${index}`);
    expect(owner.log.fault).toMatchObject(noSpace);
    owner.fileSystem.delete(`${directory}/../foreign`);
    await owner.untilWritable();
    await owner.append(put("key", "x"));
    await until(() => owner.fileSystem.names().includes("reserve"));
    await owner.expectKept();
  });

  it("fills its reserve anew after a crash in the middle of it", async () => {
    const fileSystem = new MemoryFileSystem({ durableWrites: true });
    fileSystem.capacity = 256 * kib;
    let begun = false;
    fileSystem.intercept = ({ operation, path }) => {
      if (operation !== "write" || !path.includes("reserve")) return undefined;
      // Half of it is written; then the process dies.
      if (begun) fileSystem.kill();
      begun = true;
      return "short";
    };
    await openIn(fileSystem, { segmentBytes: 4 * kib }).catch(() => {});
    expect(begun).toBe(true);
    const next = fileSystem.afterKill();
    next.capacity = 256 * kib;
    const log = await openIn(next, { segmentBytes: 4 * kib });
    expect(next.content(`${directory}/reserve`)).toHaveLength(4 * kib);
    await log.close();
  });

  it("compacts into its reserve when others fill the disk", async () => {
    const owner = await Owner.open(256 * kib);
    for (let index = 0; index < 100; index++) await owner.append(put("key", "x".repeat(500)));
    owner.fileSystem.replace(`${directory}/../foreign`, Buffer.alloc(owner.fileSystem.freeBytes));
    await owner.append(put("key", "x"));
    await until(() => owner.log.fault !== undefined);
    expect(owner.log.fault).toMatchObject(noSpace);
    await owner.untilWritable();
    expect(owner.log.horizon).toBeGreaterThan(0);
    await owner.append(put("key", "y"));
    await owner.expectKept();
  });

  it("opens on a full disk, and a write without space fails with an error that says so", async () => {
    const owner = await Owner.open(256 * kib);
    for (let index = 0; index < 30; index++) await owner.append(put(`key ${index}`, "x".repeat(500)));
    await owner.log.close();
    owner.fileSystem.delete(`${directory}/reserve`);
    owner.fileSystem.capacity -= owner.fileSystem.freeBytes;
    await owner.reopen();
    expect(owner.log.fault).toMatchObject(noSpace);
    owner.fileSystem.capacity = 256 * kib;
    await owner.untilWritable();
    owner.fileSystem.intercept = ({ operation }) =>
      operation === "write" ? { code: "ENOSPC", after: "half" } : undefined;
    await expect(owner.append(put("key", "y"))).rejects.toMatchObject({ reason: "OUTCOME_UNKNOWN" });
    expect(owner.log.fault).toMatchObject(noSpace);
    owner.fileSystem.intercept = () => undefined;
    await owner.untilWritable();
    await owner.append(put("key", "y"));
    await owner.expectKept();
  });
});
