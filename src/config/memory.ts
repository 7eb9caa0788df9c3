import { totalmem } from "node:os";
import { getHeapStatistics } from "node:v8";
import { defaultLimits, type Limits } from "../limits.ts";

/** What the process may use, in bytes. */
export interface Memory {
  /** V8's bound for objects that live long: its heap without the young generation. */
  readonly oldSpaceBytes: number;
  /** What the container, or else the machine, has for all of the process. */
  readonly processBytes: number;
}

const MiB = 1024 * 1024;

/** Three semi-spaces of 64 MiB: what Node 24 lets the young generation grow to. */
const defaultSemiSpaceBytes = 64 * MiB;

export function readMemory(): Memory {
  const flags = [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].join(" ");
  const given = [...flags.matchAll(/--max[-_]semi[-_]space[-_]size[= ](\d+)/g)].at(-1)?.[1];
  const semiSpaceBytes = given === undefined ? defaultSemiSpaceBytes : Number(given) * MiB;
  return {
    oldSpaceBytes: getHeapStatistics().heap_size_limit - 3 * semiSpaceBytes,
    // Without a container's bound it is far more than the machine has.
    processBytes: Math.min(process.constrainedMemory() || Infinity, totalmem()),
  };
}

/** V8 gives up when collections free little and this part of the old space stays in use; it was seen at 80 %. */
const usableShare = 0.75;

/** The code, and what calls under way and the log occupy on the heap. */
const baseBytes = 32 * MiB;

/** Node, V8's young generation, stacks and native libraries beside the heap, and the health check of a container. */
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
 * Bounds of what is kept in memory, such that all of it fits at the same time: the given ones, and for the others the
 * defaults or what the memory allows. `storeBytesMax` is then the largest that fits, given or not; below 0 when the
 * others leave nothing for the store.
 */
export function fitToMemory({ oldSpaceBytes, processBytes }: Memory, given: Partial<Limits>): MemoryLimits {
  // Bytes are outside V8's heap; an eighth of the memory is for requests and responses; V8 collects when garbage is half.
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
    // Two snapshots can be read at a time.
    2 * limits.snapshotBytesMax;
  // Compaction remembers the revision of each key that changes meanwhile, which takes up to an eighth of the store.
  const restBytes = ((usableBytes - otherBytes) * 7) / 8;
  const storeBytesMax = Math.floor(Math.min(defaultLimits.storeBytesMax, restBytes));
  return { ...limits, storeBytesMax };
}
