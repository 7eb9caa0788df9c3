import { describe, expect, it } from "vitest";
import { repairLog } from "../../../src/transaction-log/file/repair/repair.ts";
import type { Transaction } from "../../../src/transaction-log/transaction-logger.ts";
import { createRandom, seed } from "../../support/random.ts";
import { expectSame } from "../../support/same.ts";
import { LogModel, simple, simples } from "../log-model.ts";
import { directory, expectOpens, flipByte, makeLog, openIn, pathOf } from "./damaged-log.ts";
import { MemoryFileSystem } from "./memory-file-system.ts";

/** Far longer than it takes, so that a slow machine does not decide. */
const timeout = 120_000;

interface Life {
  /** What was acknowledged before the crash. */
  readonly model: LogModel;
  /** What was being appended when it came. */
  readonly inFlight: readonly Transaction[];
}

/** The next process reads what the dead one wrote, and goes on; then the power goes. */
async function expectNothingTakenBack(fileSystem: MemoryFileSystem, life: Life): Promise<void> {
  fileSystem.revive();
  const log = await openIn(fileSystem);
  const model = new LogModel();
  model.transactions.push(...life.model.transactions);
  if ((await log.latestSequence()) !== model.lastSequence) model.transactions.push(...life.inFlight);
  await model.expectIn(log);
  await expectSurvived(fileSystem.afterPowerCut(), { model, inFlight: [] });
  for (let count = 0; count < 3; count++) {
    const next = simple(model.lastSequence + 1);
    await log.append(model.lastSequence, [next]);
    model.transactions.push(next);
  }
  await expectSurvived(fileSystem.afterPowerCut(), { model, inFlight: [] });
  await log.close();
}

/** Opens, appends with rotations, compacts beside appends twice, closes; or dies in between. */
async function live(fileSystem: MemoryFileSystem): Promise<Life> {
  const random = createRandom(2);
  const model = new LogModel();
  let inFlight: Transaction[] = [];
  let log: Awaited<ReturnType<typeof openIn>> | undefined;
  try {
    log = await openIn(fileSystem);
    for (let round = 0; round < 2; round++) {
      for (let index = 0; index < 8; index++) {
        inFlight = model.nextBatch(random);
        await log.append(model.lastSequence, inFlight);
        model.transactions.push(...inFlight);
        inFlight = [];
      }
      // The second time some transactions stay whole.
      const compacting = log.compact(model.retentionAt(model.lastSequence - 4 * round));
      compacting.catch(() => {});
      inFlight = model.nextBatch(random);
      await log.append(model.lastSequence, inFlight);
      model.transactions.push(...inFlight);
      inFlight = [];
      await compacting;
    }
  } catch {
    // The crash.
  }
  await log?.close();
  return { model, inFlight };
}

async function expectSurvived(image: MemoryFileSystem, { model, inFlight }: Life): Promise<void> {
  const log = await openIn(image);
  const latest = await log.latestSequence();
  const expected = new LogModel();
  expected.transactions.push(...model.transactions);
  if (latest !== model.lastSequence) expected.transactions.push(...inFlight);
  await expected.expectIn(log);
  await log.append(latest, [simple(latest + 1)]);
  expected.transactions.push(simple(latest + 1));
  await log.close();
  const reopened = await openIn(image);
  await expected.expectIn(reopened);
  await reopened.close();
  expectSame(
    image.names().filter((name) => name.endsWith(".tmp")),
    [],
  );
}

async function crashInOpen(
  fileSystem: MemoryFileSystem,
  number: number,
  power: boolean,
): Promise<MemoryFileSystem> {
  fileSystem.killBefore(number);
  const log = await openIn(fileSystem).catch(() => undefined);
  await log?.close();
  return power ? fileSystem.afterPowerCut() : fileSystem.afterKill();
}

/** Tests of a crash before each call of the file system in turn; with a stride of 3 before each third one. */
export function crashSuite(stride: number): void {
  describe("a crash between any two calls", { timeout }, () => {
    for (const durableWrites of [true, false]) {
      const mode = durableWrites ? "durable writes" : "writes and syncs";

      it(`loses nothing that was acknowledged: ${mode} (SEED=${seed})`, async () => {
        const random = createRandom(seed);
        let number = 1 + (seed % stride);
        for (let died = true; died; number += stride) {
          const fileSystem = new MemoryFileSystem({ durableWrites });
          fileSystem.killBefore(number);
          const life = await live(fileSystem);
          died = fileSystem.isDead;
          const images = [
            () => fileSystem.afterKill(),
            () => fileSystem.afterPowerCut(),
            () => fileSystem.afterPowerCut(() => random.chance(0.5)),
            () => fileSystem.afterPowerCut(() => random.chance(0.9)),
          ];
          for (const image of images) await expectSurvived(image(), life);
          const image = random.pick(images)();
          await expectNothingTakenBack(fileSystem, life);
          await expectSurvived(await crashInOpen(image, 1 + random.below(25), random.chance(0.5)), life);
        }
        expect(number).toBeGreaterThan(100);
      });
    }
  });

  describe("a crash between any two calls of the start after a torn end", { timeout }, () => {
    it("never loses the bytes that are cut off", async () => {
      const made = await makeLog(
        simples(1, 5).map((one) => [one]),
        [],
        "kill",
      );
      const [{ name, end }] = made.files as [{ name: string; end: number }];
      flipByte(made.fileSystem, name, end - 6);
      // A checksum may end with zeros, which cannot be told from those that fill a segment.
      const content = made.fileSystem.content(pathOf(name));
      const torn = content.subarray(made.lastFrame, content.findLastIndex((byte) => byte !== 0) + 1);
      let number = 1 + (seed % stride);
      for (let died = true; died; number += stride) {
        const fileSystem = made.fileSystem.copy();
        fileSystem.killBefore(number);
        const log = await openIn(fileSystem).catch(() => undefined);
        await log?.close();
        died = fileSystem.isDead;
        for (const image of [fileSystem.afterKill(), fileSystem.afterPowerCut()]) {
          expect(image.names().some((one) => image.content(pathOf(one)).includes(torn))).toBe(true);
          await expectOpens(image, simples(1, 4));
        }
      }
      expect(number).toBeGreaterThan(10);
    });
  });

  describe("a crash between any two calls of a repair", { timeout }, () => {
    const batches = simples(1, 30).map((one) => [one]);

    const damages: readonly (readonly [string, (names: readonly string[], fs: MemoryFileSystem) => void])[] =
      [
        ["in the first segment", (names, fileSystem) => flipByte(fileSystem, names[0] as string, 700)],
        ["in a later segment", (names, fileSystem) => flipByte(fileSystem, names[1] as string, 300)],
        ["in a header", (names, fileSystem) => flipByte(fileSystem, names[1] as string, 20)],
        ["a missing segment", (names, fileSystem) => fileSystem.delete(`${directory}/${names[1]}`)],
        ["a missing first segment", (names, fileSystem) => fileSystem.delete(`${directory}/${names[0]}`)],
      ];
    it.each(damages)(
      `leaves what the next repair can complete: %s (SEED=${seed})`,
      async (_where, damage) => {
        const made = await makeLog(batches);
        damage(
          made.files.map(({ name }) => name),
          made.fileSystem,
        );
        const { lastSequence } = await repairLog(directory, { apply: false }, made.fileSystem.copy());
        let number = 1 + (seed % stride);
        for (let died = true; died; number += stride) {
          const fileSystem = made.fileSystem.copy();
          fileSystem.killBefore(number);
          await repairLog(directory, { apply: true }, fileSystem).catch(() => {});
          died = fileSystem.isDead;
          for (const image of [fileSystem.afterKill(), fileSystem.afterPowerCut()]) {
            await repairLog(directory, { apply: true }, image);
            await expectOpens(image, simples(1, lastSequence));
          }
        }
        expect(number).toBeGreaterThan(10);
      },
    );
  });
}
