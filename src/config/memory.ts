import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { defaultLimits, type Limits } from "../limits.ts";

/** The memory that the process may use, in bytes. */
export interface Memory {
  /** V8's limit for long-lived objects: its heap without the young generation. */
  readonly oldSpaceBytes: number;
  /** The memory of the container, or else of the machine. */
  readonly processBytes: number;
}

const MiB = 1024 * 1024;

/** The largest semi-space of Node 24; the young generation has three. */
const defaultSemiSpaceBytes = 64 * MiB;

export function readMemory(): Memory {
  const flags = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].join(" ");
  const given = [...flags.matchAll(/--max[-_]semi[-_]space[-_]size[= ](\d+)/g)].at(-1)?.[1];
  const semiSpaceBytes = given === undefined ? defaultSemiSpaceBytes : Number(given) * MiB;
  return {
    oldSpaceBytes: getHeapStatistics().heap_size_limit - 3 * semiSpaceBytes,
    // Without a container limit, constrainedMemory is far more than the machine has.
    processBytes: Math.min(process.constrainedMemory() || Infinity, totalmem()),
  };
}

/** The share of the old space that can be used. V8 runs out of memory earlier than at 100 %; it was seen at 80 %. */
const usableShare = 0.75;

/** Heap memory of the code, of calls under way and of the log. */
const baseBytes = 32 * MiB;

/**
 * Memory outside V8's old space: Node, the young generation, stacks, native libraries, and a container's health
 * check.
 */
const nativeBytes = 160 * MiB;

export type MemoryLimits = Pick<
  Limits,
  | "storeBytesMax"
  | "requestIdsBytesMax"
  | "queueBytesMax"
  | "watchHistoryBytesMax"
  | "watchQueueBytesMax"
  | "watchQueuesBytesMax"
  | "snapshotBytesMax"
>;

/**
 * Chooses the limits of everything kept in memory so that all of it fits at the same time. Given limits are kept; the
 * others get their default or less. `storeBytesMax` in the result is the largest that fits, given or not. It is
 * negative when the others leave nothing for the store.
 */
export function fitToMemory({ oldSpaceBytes, processBytes }: Memory, given: Partial<Limits>): MemoryLimits {
  // Binary values are outside V8's heap. An eighth of the memory is for requests and responses. The factor 1.5 allows
  // for garbage that is not yet collected.
  const residentBytes = (processBytes * (7 / 8) - nativeBytes) / 1.5;
  const usableBytes = Math.min(oldSpaceBytes * usableShare - baseBytes, residentBytes);
  const share = Math.max(0, Math.floor(usableBytes / 12));
  const bound = (name: keyof MemoryLimits, bytes: number) =>
    given[name] ?? Math.max(1, Math.min(defaultLimits[name], bytes));
  const limits = {
    requestIdsBytesMax: bound("requestIdsBytesMax", share),
    queueBytesMax: bound("queueBytesMax", share),
    watchHistoryBytesMax: bound("watchHistoryBytesMax", share),
    watchQueueBytesMax: bound("watchQueueBytesMax", share),
    watchQueuesBytesMax: bound("watchQueuesBytesMax", 2 * share),
    snapshotBytesMax: bound("snapshotBytesMax", Math.floor(share / 2)),
  };
  const { requestIdsBytesMax, queueBytesMax, watchHistoryBytesMax, watchQueuesBytesMax } = limits;
  const otherBytes =
    requestIdsBytesMax +
    queueBytesMax +
    watchHistoryBytesMax +
    watchQueuesBytesMax +
    // Two snapshots can be read at the same time.
    2 * limits.snapshotBytesMax;
  // A compaction keeps the revision of each key that changes meanwhile, which takes up to an eighth of the store.
  const restBytes = ((usableBytes - otherBytes) * 7) / 8;
  const storeBytesMax = Math.floor(Math.min(defaultLimits.storeBytesMax, restBytes));
  return { ...limits, storeBytesMax };
}
