import { readFileSync } from "node:fs";

/** Descriptors that are reserved for the log, the database, the admin port and Node itself. */
const reserved = 64;

/**
 * The most connections that the limit of file descriptors allows. Infinity where that limit cannot be read (not
 * Linux).
 */
export function connectionsForDescriptors(): number {
  let limits: string;
  try {
    limits = readFileSync("/proc/self/limits", "utf8");
  } catch {
    return Number.POSITIVE_INFINITY;
  }
  const soft = /^Max open files\s+(\d+)/m.exec(limits)?.[1];
  return soft === undefined ? Number.POSITIVE_INFINITY : Math.max(1, Number(soft) - reserved);
}
