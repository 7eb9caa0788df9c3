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
  /** False when the log opens as it is. */
  readonly damaged: boolean;
  /** What was done, or would be. */
  readonly actions: readonly string[];
  /** Transactions that can still be recognised in what is cut off, and that the log will not have. */
  readonly lostTransactions: number;
  /** The newest sequence that is kept. */
  readonly lastSequence: number;
}

/** Far more than there are kinds of damage that can hide behind each other. */
const roundsMax = 100;

/** One damage, and what is to be done about it. */
interface Repair {
  readonly actions: readonly string[];
  readonly lostTransactions: number;
  apply(lock: DirectoryLock): Promise<void>;
}

/**
 * Cuts the log at its first damage so that it opens again, and keeps everything that it cuts beside it. A damaged
 * snapshot is replaced by what is good of it. Without `apply` nothing is changed. A repair that is cut short is
 * completed by the next one. Rejects with LOG_LOCKED and LOG_VERSION.
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
      actions: [`move ${name} aside: it is not known what it belongs to`],
      lostTransactions: 0,
      apply: () => moveAside(directory, [name]),
    };
  }
  const lost = salvage.lost === undefined ? "an unknown number" : String(salvage.lost);
  return {
    actions: [
      `copy ${name} aside and replace it by the ${salvage.kept} transactions in it that are good; ${lost} are lost`,
    ],
    lostTransactions: salvage.lost ?? 0,
    apply: async () => {
      await applySalvage(directory, salvage);
    },
  };
}

async function planSegmentRepair(directory: LogDirectory, inspection: Inspection): Promise<Repair> {
  const { segments, snapshot, leftovers, content, logId } = inspection;
  const last = segments.at(-1);
  const cut = last && (await contentBehind(directory, last));
  const kept = new Set([...segments.map(({ name }) => name), ...leftovers]);
  const moved = content.segments.map(({ name }) => name).filter((name) => !kept.has(name));
  const actions = [
    ...(cut ? [`copy ${cut.bytes} bytes at ${cut.offset} of ${cut.file} aside and cut them off`] : []),
    ...moved.map((name) => `move ${name} aside`),
    ...(inspection.durableSequence > inspection.lastSequence
      ? [`forget that sequence ${inspection.durableSequence} was durable`]
      : []),
    ...(last ? [] : [snapshot ? `make a new segment after ${snapshot.name}` : "begin a new, empty log"]),
  ];
  return {
    actions,
    lostTransactions: logId ? await countLost(directory, inspection, logId, cut, moved) : 0,
    // In this order: until the later files are gone the gap before them tells that the repair is not finished.
    async apply(lock) {
      if (cut) await saveCut(directory, cut, "corrupt");
      // Also when there is nothing to cut: a repair that was cut short may have done it, and not yet synced.
      if (last) await truncateDurably(directory, last.name, last.endOffset);
      await moveAside(directory, moved);
      // Last, because a log that ends before its durable sequence is damaged.
      await directory.removeDurably([durableMarkName]);
      if (last) return;
      if (snapshot) await createSegmentAfter(directory, snapshot);
      else await lock.markLog(undefined);
    },
  };
}

async function contentBehind(
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
