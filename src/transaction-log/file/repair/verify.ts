import type { FileSystem } from "../file-system.ts";
import { lockDirectoryForReading } from "../lock.ts";
import { LogDirectory } from "../log-directory.ts";
import { nodeFileSystem } from "../node-file-system.ts";
import { type Inspection, inspectLog } from "./inspection.ts";

interface Finding {
  /**
   * - corrupt: the log does not open; `repairLog` repairs it
   * - torn, unended, leftover: traces of a crash; the next start removes them
   */
  readonly kind: "corrupt" | "torn" | "unended" | "leftover";
  readonly file: string;
  readonly offset: number;
  readonly what: string;
}

export interface LogReport {
  readonly files: number;
  readonly frames: number;
  readonly transactions: number;
  /** The last sequence before the damage, if there is damage. */
  readonly lastSequence: number;
  readonly horizon: number;
  readonly findings: readonly Finding[];
}

/**
 * Reads the whole log and changes nothing. Rejects with LOG_LOCKED while a process has it open, because a frame that
 * is being written looks like a torn one, and with LOG_VERSION.
 */
export async function verifyLog(
  directory: string,
  fileSystem: FileSystem = nodeFileSystem,
): Promise<LogReport> {
  const log = new LogDirectory(fileSystem, directory);
  const unlock = await lockDirectoryForReading(log);
  try {
    return reportOf(await inspectLog(log));
  } finally {
    await unlock();
  }
}

function reportOf(inspection: Inspection): LogReport {
  const files = [...(inspection.snapshot ? [inspection.snapshot] : []), ...inspection.segments];
  const sum = (what: "frames" | "transactions") => files.reduce((total, file) => total + file[what], 0);
  return {
    files: files.length,
    frames: sum("frames"),
    transactions: sum("transactions"),
    lastSequence: inspection.lastSequence,
    horizon: inspection.horizon,
    findings: findingsOf(inspection),
  };
}

function findingsOf(inspection: Inspection): Finding[] {
  const { damage, torn, unended, leftovers, content } = inspection;
  const findings: Finding[] = [];
  if (damage) {
    findings.push({ kind: "corrupt", file: damage.file, offset: damage.offset, what: damage.what });
  }
  if (torn) {
    const what = `${torn.bytes} bytes of an append that was never acknowledged`;
    findings.push({ kind: "torn", file: torn.file, offset: torn.offset, what });
  }
  if (unended && !damage) {
    const what = "the segment has a successor but no end frame";
    findings.push({ kind: "unended", file: unended.name, offset: unended.endOffset, what });
  }
  for (const file of [...leftovers, ...content.temporary]) {
    findings.push({
      kind: "leftover",
      file,
      offset: 0,
      what: "an unused file",
    });
  }
  return findings;
}
