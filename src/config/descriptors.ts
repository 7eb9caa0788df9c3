import { readFileSync } from "node:fs";

/** Kept for the log, the database, the admin port and what Node opens. */
const reserved = 64;

/** How many connections leave descriptors for everything else; no bound where the limit cannot be read (not Linux). */
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
