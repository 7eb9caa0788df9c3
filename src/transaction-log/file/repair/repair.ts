import { durableMarkName, nameForCut } from "../file-names.ts";
import { closeQuietly, type FileSystem } from "../file-system.ts";
import { frameKinds, frameMarker } from "../format/frame.ts";
import { endOfContent, findFrames } from "../format/frame-search.ts";
import { type DirectoryLock, lockDirectory, lockDirectoryForReading } from "../lock.ts";
import { LogDirectory } from "../log-directory.ts";
import { nodeFileSystem } from "../node-file-system.ts";
import { createSegment } from "../segments/segment.ts";
import { SpareSegment } from "../segments/spare-segment.ts";
import { saveCut, truncateDurably } from "./cut.ts";
import { type Cut, type InspectedFile, type Inspection, inspectLog } from "./inspection.ts";
import { applySalvage, planSalvage } from "./salvage.ts";

export interface RepairReport {
  /** False when the log needs no repair. */
  readonly damaged: boolean;
  /** The actions that were taken, or would be. */
  readonly actions: readonly string[];
  /** Recognisable transactions in the bytes that are cut off; the log loses them. */
  readonly lostTransactions: number;
  /** The last sequence that is kept. */
  readonly lastSequence: number;
}

/** The most repairs in one run. Far more than kinds of damage that can hide each other. */
const roundsMax = 100;

/** The repair of one damage. */
interface Repair {
  readonly actions: readonly string[];
  readonly lostTransactions: number;
  apply(lock: DirectoryLock): Promise<void>;
}

/**
 * Repairs a log so that it opens again: cuts it at its first damage, and keeps a copy of everything that it cuts off.
 * A damaged snapshot is replaced by one with its good transactions. Without `apply` nothing is changed. An
 * interrupted repair is completed by the next one. Rejects with LOG_LOCKED and LOG_VERSION.
 */
export async function repairLog(
  directory: string,
  options: { readonly apply: boolean },
  fileSystem: FileSystem = nodeFileSystem,
): Promise<RepairReport> {
  const log = new LogDirectory(fileSystem, directory);
  if (!options.apply) {
    const unlock = await lockDirectoryForReading(log);
    try {
      const inspection = await inspectLog(log);
      const repair = await planRepair(log, inspection);
      return {
        damaged: repair !== undefined,
        actions: repair?.actions ?? [],
        lostTransactions: repair?.lostTransactions ?? 0,
        lastSequence: inspection.lastSequence,
      };
    } finally {
      await unlock();
    }
  }
  const lock = await lockDirectory(log);
  try {
    return await repairAll(log, lock);
  } finally {
    await lock.release();
  }
}

async function repairAll(directory: LogDirectory, lock: DirectoryLock): Promise<RepairReport> {
  const actions: string[] = [];
  let lostTransactions = 0;
  for (let round = 0; round < roundsMax; round++) {
    const inspection = await inspectLog(directory);
    const repair = await planRepair(directory, inspection);
    if (!repair) {
      return {
        damaged: actions.length > 0,
        actions,
        lostTransactions,
        lastSequence: inspection.lastSequence,
      };
    }
    await repair.apply(lock);
    actions.push(...repair.actions);
    lostTransactions += repair.lostTransactions;
  }
  throw new Error(`the log in ${directory.path} is still damaged after ${roundsMax} repairs`);
}

async function planRepair(directory: LogDirectory, inspection: Inspection): Promise<Repair | undefined> {
  const { damage, content } = inspection;
  if (!damage) return undefined;
  const snapshot = content.snapshots.find(({ name }) => name === damage.file);
  return snapshot
    ? planSnapshotRepair(directory, inspection, snapshot.name)
    : planSegmentRepair(directory, inspection);
}

async function planSnapshotRepair(
  directory: LogDirectory,
  { content }: Inspection,
  name: string,
): Promise<Repair> {
  const snapshot = content.snapshots.find((file) => file.name === name);
  const salvage = snapshot && (await planSalvage(directory, content, snapshot));
  if (!salvage) {
    return {
      actions: [`move ${name} aside: the log that it belongs to is unknown`],
      lostTransactions: 0,
      apply: () => moveAside(directory, [name]),
    };
  }
  const lost = salvage.lost === undefined ? "an unknown number" : String(salvage.lost);
  return {
    actions: [`copy ${name} aside and replace it by its ${salvage.kept} good transactions; ${lost} are lost`],
    lostTransactions: salvage.lost ?? 0,
    apply: async () => {
      await applySalvage(directory, salvage);
    },
  };
}

async function planSegmentRepair(directory: LogDirectory, inspection: Inspection): Promise<Repair> {
  const { segments, snapshot, leftovers, content, logId } = inspection;
  const last = segments.at(-1);
  const cut = last && (await contentAfter(directory, last));
  const kept = new Set([...segments.map(({ name }) => name), ...leftovers]);
  const moved = content.segments.map(({ name }) => name).filter((name) => !kept.has(name));
  const actions = [
    ...(cut ? [`copy ${cut.bytes} bytes at ${cut.offset} of ${cut.file} aside and cut them off`] : []),
    ...moved.map((name) => `move ${name} aside`),
    ...(inspection.durableSequence > inspection.lastSequence
      ? [`forget that sequence ${inspection.durableSequence} was durable`]
      : []),
    ...(last ? [] : [snapshot ? `create a new segment after ${snapshot.name}` : "begin a new, empty log"]),
  ];
  return {
    actions,
    lostTransactions: logId ? await countLost(directory, inspection, logId, cut, moved) : 0,
    // The order matters: while later files are there, the gap before them shows that the repair is incomplete.
    async apply(lock) {
      if (cut) await saveCut(directory, cut, "corrupt");
      // Also when there is nothing to cut: an interrupted repair may have cut it without a sync.
      if (last) await truncateDurably(directory, last.name, last.endOffset);
      await moveAside(directory, moved);
      // Last, because a log that ends before its durable sequence counts as damaged.
      await directory.removeDurably([durableMarkName]);
      if (last) return;
      if (snapshot) await createSegmentAfter(directory, snapshot);
      else await lock.markLog(undefined);
    },
  };
}

async function contentAfter(
  directory: LogDirectory,
  { name, endOffset, bytes }: InspectedFile,
): Promise<Cut | undefined> {
  const end = await directory.withFile(name, "read", (file) => endOfContent(file, endOffset, bytes));
  return end === endOffset ? undefined : { file: name, offset: endOffset, bytes: end - endOffset };
}

async function countLost(
  directory: LogDirectory,
  { lastSequence }: Inspection,
  logId: Buffer,
  cut: Cut | undefined,
  moved: readonly string[],
): Promise<number> {
  const places = [
    ...(cut ? [{ file: cut.file, offset: cut.offset }] : []),
    ...moved.map((file) => ({ file, offset: 0 })),
  ];
  const counted = new Set<number>();
  let lost = 0;
  for (const { file: name, offset } of places) {
    await directory.withFile(name, "read", async (file) => {
      for await (const { header } of findFrames(file, frameMarker(logId), offset, await file.size())) {
        if (header.kind !== frameKinds.transactions || header.firstSequence <= lastSequence) continue;
        if (!counted.has(header.firstSequence)) lost += header.count;
        counted.add(header.firstSequence);
      }
    });
  }
  return lost;
}

async function moveAside(directory: LogDirectory, names: readonly string[]): Promise<void> {
  if (names.length === 0) return;
  for (const name of names.toReversed()) {
    const target = nameForCut((await directory.content()).names, name, "corrupt");
    await directory.rename(name, target);
  }
  await directory.sync();
}

async function createSegmentAfter(
  directory: LogDirectory,
  { header, lastSequence }: InspectedFile,
): Promise<void> {
  const spare = new SpareSegment(directory, 0);
  const { file } = await createSegment(directory, spare, {
    logId: header.logId,
    firstSequence: lastSequence + 1,
    previousChecksum: header.previousChecksum,
  });
  await closeQuietly(file);
}
