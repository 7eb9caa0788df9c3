import { beforeAll, describe, expect, it } from "vitest";
import { formatVersion } from "../../../src/transaction-log/file/format/file-header.ts";
import { repairLog } from "../../../src/transaction-log/file/repair/repair.ts";
import { seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { put, simple, simples, transaction } from "../log-model.ts";
import {
  cutAt,
  directory,
  expectOpens,
  expectRefused,
  fixHeaderChecksum,
  flipByte,
  type MadeLog,
  makeLog,
  openIn,
  pathOf,
} from "./damaged-log.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

/** Tests of damage to each byte of a log; with a stride of 3 to each third one. */
export function damageSuite(stride: number): void {
  const start = seed % stride;

  const oneEach = (count: number) => simples(1, count).map((one) => [one]);

  describe(`a log with a damaged end (SEED=${seed})`, { timeout }, () => {
    let made: MadeLog;
    beforeAll(async () => {
      made = await makeLog([...oneEach(4), simples(5, 3)], [], "kill");
    });

    it("loses only the torn last frame, wherever it was cut", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      const whole = made.fileSystem.content(pathOf(file.name));
      for (let offset = made.lastFrame + start; offset < file.end; offset += stride) {
        // The checksum, and so the frame, may end with zeros: nothing is cut off then.
        if (whole.subarray(offset, file.end).every((byte) => byte === 0)) break;
        for (const how of ["short", "zeros"] as const) {
          const fileSystem = made.fileSystem.copy();
          const cut = fileSystem.content(pathOf(file.name)).subarray(made.lastFrame, offset);
          cutAt(fileSystem, file.name, offset, how);
          await expectOpens(fileSystem, simples(1, 4));
          const kept = fileSystem.names().filter((name) => name.includes(".torn-"));
          expect(kept).toHaveLength(offset > made.lastFrame ? 1 : 0);
          const saved = kept[0] === undefined ? Buffer.alloc(0) : fileSystem.content(pathOf(kept[0]));
          // Zeros at its end cannot be told from space that was never used.
          expect(cut.subarray(0, saved.length).equals(saved)).toBe(true);
          expect(cut.subarray(saved.length).every((byte) => byte === 0)).toBe(true);
        }
      }
    });

    it("loses only the last frame, whichever byte of it is wrong", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      for (let offset = made.lastFrame + start; offset < file.end; offset += stride) {
        for (const mask of [0xff, 1 << (offset % 8)]) {
          const fileSystem = made.fileSystem.copy();
          flipByte(fileSystem, file.name, offset, mask);
          await expectOpens(fileSystem, simples(1, 4));
        }
      }
    });

    it("cuts off garbage after the last frame", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      for (const garbage of [[1], [0, 0, 7], Array.from({ length: 100 }, (_, index) => index)]) {
        const fileSystem = made.fileSystem.copy();
        const content = Buffer.from(fileSystem.content(pathOf(file.name)));
        Buffer.from(garbage).copy(content, file.end);
        fileSystem.replace(pathOf(file.name), content);
        await expectOpens(fileSystem, simples(1, 7));
        expect([...fileSystem.content(pathOf(`${file.name}.torn-1`))]).toEqual(garbage);
      }
    });

    it("takes a second copy of the last frame for garbage", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      const fileSystem = made.fileSystem.copy();
      const content = Buffer.from(fileSystem.content(pathOf(file.name)));
      content.copy(content, file.end, made.lastFrame, file.end);
      fileSystem.replace(pathOf(file.name), content);
      await expectOpens(fileSystem, simples(1, 7));
    });

    it("is torn also when the frame holds older frames of this very log", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      const old = Uint8Array.from(made.fileSystem.content(pathOf(file.name)).subarray(0, file.end));
      await expectTornWith(old, true);
    });

    it("is torn also when the frame holds frames that the log would have later", async () => {
      const fileSystem = made.fileSystem.copy();
      const log = await openIn(fileSystem);
      await log.append(7, [simple(8)]);
      await log.append(8, [simple(9)]);
      await log.close();
      const [file] = made.files as [{ name: string; end: number }];
      await expectTornWith(Uint8Array.from(fileSystem.content(pathOf(file.name)).subarray(file.end)), false);
    });

    async function expectTornWith(value: Uint8Array, flipHeader: boolean): Promise<void> {
      const grown = made.fileSystem.copy();
      const [file] = made.files as [{ name: string; end: number }];
      const log = await openIn(grown);
      const begin = file.end;
      await log.append(7, [transaction(8, put("log", value))]);
      const end = log.bytes;
      await log.close();
      grown.delete(pathOf("durable-sequence"));
      // It moved to a segment of its own when it did not fit.
      const name = grown.names().findLast((one) => one.endsWith(".log")) as string;
      const frame = name === file.name ? begin : 40;
      const frameEnd = name === file.name ? end : end - begin;
      for (let offset = frame + start; offset < frameEnd; offset += stride) {
        const cut = grown.copy();
        cutAt(cut, name, offset, "short");
        await expectOpens(cut, simples(1, 7));
        if (offset < frame + 32 && !flipHeader) continue;
        const flipped = grown.copy();
        flipByte(flipped, name, offset);
        await expectOpens(flipped, simples(1, 7));
      }
    }
  });

  function contents(fileSystem: MemoryFileSystem): (readonly [string, string])[] {
    return fileSystem
      .names()
      .filter((name) => !["lock", "durable-sequence", "reserve"].includes(name))
      .map((name) => [name, fileSystem.content(pathOf(name)).toString("latin1")]);
  }

  describe("a log that was closed", { timeout }, () => {
    let made: MadeLog;
    beforeAll(async () => {
      made = await makeLog([...oneEach(4), simples(5, 3)]);
    });

    it("is refused when any byte of its last frame is wrong, or it is cut at any byte", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      for (let offset = made.lastFrame + start; offset < file.end; offset += stride) {
        const flipped = made.fileSystem.copy();
        flipByte(flipped, file.name, offset);
        await expectRefused(flipped);
        for (const how of ["short", "zeros"] as const) {
          const cut = made.fileSystem.copy();
          cutAt(cut, file.name, offset, how);
          await expectRefused(cut);
        }
      }
    });

    it("names the sequence that was durable, and is cut by a repair", async () => {
      const [file] = made.files as [{ name: string; end: number }];
      const fileSystem = made.fileSystem.copy();
      flipByte(fileSystem, file.name, made.lastFrame + 40);
      await expect(openIn(fileSystem)).rejects.toThrow(
        new RegExp(`at offset ${made.lastFrame}: .*sequence 7 was durable; the last good sequence is 4`),
      );
      const planned = await repairLog(directory, { apply: false }, fileSystem);
      expect(planned.actions.join("\n")).toContain("sequence 7 was durable");
      expect(await repairLog(directory, { apply: true }, fileSystem)).toEqual(planned);
      await expectOpens(fileSystem, simples(1, 4));
    });

    it("opens when a write of the durable sequence was cut short, and with the record damaged or gone", async () => {
      const name = "durable-sequence";
      for (let offset = 0; offset < 28; offset++) {
        for (const slot of [0, 4096]) {
          const fileSystem = made.fileSystem.copy();
          flipByte(fileSystem, name, slot + offset);
          await expectOpens(fileSystem, simples(1, 7));
        }
      }
      const fileSystem = made.fileSystem.copy();
      fileSystem.delete(pathOf(name));
      await expectOpens(fileSystem, simples(1, 7));
    });

    it("ignores the durable sequence of another log", async () => {
      const other = await makeLog(oneEach(40));
      const fileSystem = made.fileSystem.copy();
      fileSystem.replace(pathOf("durable-sequence"), other.fileSystem.content(pathOf("durable-sequence")));
      await expectOpens(fileSystem, simples(1, 7));
    });
  });

  describe("a log whose process was killed", { timeout }, () => {
    it("is refused when a damaged sector takes acknowledged frames and the header of the last one", async () => {
      const fileSystem = new MemoryFileSystem({ durableWrites: true });
      const log = await openIn(fileSystem, { watchDelayMs: 0 });
      for (const one of simples(1, 6)) await log.append(one.sequence - 1, [one]);
      await until(() => durableSequence(fileSystem) === 6);
      const killed = fileSystem.afterKill();
      await log.close();
      const name = `${"1".padStart(20, "0")}.log`;
      const content = Buffer.from(killed.content(pathOf(name)));
      // It reaches from the second frame into the header of the last one.
      content.fill(0xff, frameOffset(content, 1) + 5, frameOffset(content, 5) + 10);
      killed.replace(pathOf(name), content);
      await expectRefused(killed);
    });

    it("is refused when a segment that was full of frames turned to zeros", async () => {
      const made = await makeLog(oneEach(40), [], "kill");
      const last = made.files.at(-1) as { name: string };
      const before = made.files.at(-2) as { name: string };
      const fileSystem = made.fileSystem.copy();
      fileSystem.delete(pathOf(last.name));
      const ended = frameOffsets(fileSystem.content(pathOf(before.name)));
      cutAt(fileSystem, before.name, ended.at(-2) as number, "zeros");
      await expectRefused(fileSystem);
    });
  });

  /** Where frames begin, the end frame among them. */
  function frameOffsets(content: Buffer): number[] {
    const offsets: number[] = [];
    for (let offset = 40; offset + 36 <= content.length && content.readUInt32LE(offset) !== 0; ) {
      offsets.push(offset);
      offset += 36 + content.readUInt32LE(offset + 8);
    }
    return offsets;
  }

  function frameOffset(content: Buffer, index: number): number {
    return frameOffsets(content)[index] as number;
  }

  function durableSequence(fileSystem: MemoryFileSystem): number {
    const content = fileSystem.content(pathOf("durable-sequence"));
    return Math.max(
      content.length > 16 ? content.readUInt32LE(16) : 0,
      content.length > 4096 ? content.readUInt32LE(4096 + 16) : 0,
    );
  }

  describe.each([0, 5])(
    "a log with damage before its end, and %i whole transactions in its snapshot",
    { timeout },
    (history) => {
      let made: MadeLog;
      const make = () =>
        makeLog([...oneEach(70), [transaction(71, put("last", "x"))]], [20], "close", history);
      beforeAll(async () => {
        made = await make();
      }, timeout);

      it("has a snapshot and several segments", () => {
        expect(made.files.map(({ name }) => name.slice(-4))).toEqual([
          "shot",
          ".log",
          ".log",
          ".log",
          ".log",
        ]);
      });

      it("is refused, whichever byte is wrong", async () => {
        for (const [index, { name, end }] of made.files.entries()) {
          const to = index === made.files.length - 1 ? made.lastFrame : end;
          for (let offset = start; offset < to; offset += stride) {
            const fileSystem = made.fileSystem.copy();
            flipByte(fileSystem, name, offset, offset % 2 ? 0xff : 1 << (offset % 8));
            await expectRefused(fileSystem);
          }
        }
      });

      it("is refused when any file but the last is cut, at whichever byte", async () => {
        for (const { name, end } of made.files.slice(0, -1)) {
          for (let offset = start; offset < end; offset += stride) {
            const fileSystem = made.fileSystem.copy();
            cutAt(fileSystem, name, offset, offset % 2 ? "zeros" : "short");
            // The last checksum may end with a zero: then nothing was cut.
            const isWhole = fileSystem.content(pathOf(name)).equals(made.fileSystem.content(pathOf(name)));
            if (!isWhole) await expectRefused(fileSystem);
          }
        }
      });

      it("reports the place of the damage, the last good sequence and the repair command", async () => {
        const fileSystem = made.fileSystem.copy();
        const { name } = made.files[2] as { name: string };
        flipByte(fileSystem, name, 60);
        const first = Number(name.slice(0, 20));
        await expect(openIn(fileSystem)).rejects.toThrow(
          new RegExp(
            `${name} at offset 40: .*last good sequence is ${first - 1}.*duetkv log repair --log file:/data`,
          ),
        );
      });

      it("is refused without any one of its files", async () => {
        for (const { name } of made.files) {
          const fileSystem = made.fileSystem.copy();
          fileSystem.delete(pathOf(name));
          await expectRefused(fileSystem);
        }
      });

      it("is refused without all of its files", async () => {
        const fileSystem = made.fileSystem.copy();
        for (const { name } of made.files) fileSystem.delete(pathOf(name));
        await expectRefused(fileSystem);
      });

      it("is refused when the last segment is empty and gone", async () => {
        const { fileSystem, files } = await makeLog([...oneEach(3)], [2]);
        fileSystem.delete(pathOf((files.at(-1) as { name: string }).name));
        await expectRefused(fileSystem);
      });

      it("is refused when two files are swapped, or one stands in the place of another", async () => {
        for (const one of made.files) {
          for (const other of made.files) {
            if (one === other) continue;
            const copied = made.fileSystem.copy();
            copied.replace(pathOf(other.name), made.fileSystem.content(pathOf(one.name)));
            await expectRefused(copied);
            const swapped = copied.copy();
            swapped.replace(pathOf(one.name), made.fileSystem.content(pathOf(other.name)));
            await expectRefused(swapped);
          }
        }
      });

      it("is refused when it continues like a diverged copy of it", async () => {
        const one = await makeLog(oneEach(3));
        const [{ name, end: begin }] = one.files as [{ name: string; end: number }];
        const ends: Buffer[] = [];
        for (const value of ["one", "two"]) {
          const fileSystem = one.fileSystem.copy();
          const log = await openIn(fileSystem);
          await log.append(3, [transaction(4, put("k", value))]);
          await log.append(4, [transaction(5, put("k", "same"))]);
          await log.close();
          ends.push(Buffer.from(fileSystem.content(pathOf(name))));
        }
        const [first, second] = ends as [Buffer, Buffer];
        const frameBytes = 36 + first.readUInt32LE(begin + 8);
        second.copy(first, begin + frameBytes, begin + frameBytes);
        one.fileSystem.replace(pathOf(name), first);
        await expectRefused(one.fileSystem);
      });

      it("is refused when a segment is there twice", async () => {
        for (const { name } of made.files) {
          if (!name.endsWith(".log")) continue;
          for (const number of [22, 40, 500]) {
            const fileSystem = made.fileSystem.copy();
            const copy = `${String(number).padStart(20, "0")}.log`;
            if (fileSystem.names().includes(copy)) continue;
            fileSystem.replace(pathOf(copy), fileSystem.content(pathOf(name)));
            await expectRefused(fileSystem);
          }
        }
      });

      it("is refused when a file belongs to another log", async () => {
        const other = await make();
        expect(other.files).toEqual(made.files);
        for (const { name } of made.files) {
          const fileSystem = made.fileSystem.copy();
          fileSystem.replace(pathOf(name), other.fileSystem.content(pathOf(name)));
          await expectRefused(fileSystem);
        }
      });

      it("is refused, and left as it is, when a newer release wrote any file", async () => {
        for (const { name } of made.files) {
          const fileSystem = made.fileSystem.copy();
          const content = Buffer.from(fileSystem.content(pathOf(name)));
          content.writeUInt32LE(formatVersion + 1, 8);
          fixHeaderChecksum(content);
          fileSystem.replace(pathOf(name), content);
          const before = contents(fileSystem);
          await expectRefused(fileSystem, "LOG_VERSION");
          expect(contents(fileSystem)).toEqual(before);
        }
      });
    },
  );
}
