import { DuetError } from "../../errors.ts";
import { lockName } from "./file-names.ts";
import { closeQuietly, type File, readFully, writeFully } from "./file-system.ts";
import type { LogDirectory } from "./log-directory.ts";

/**
 * The lock file has two lines of fixed length, so that one write in place changes both: the pid of the holder, and
 * the id of the log once the log's first file is durable. If the directory has an id but no log, the log was lost.
 */
const contentPattern = /^(\d+) *\n(?:log ([0-9a-f]{16}))?/;

export interface DirectoryLock {
  /** Records the id of the log in this directory; undefined: there is none. */
  markLog(logId: Buffer | undefined): Promise<void>;
  /**
   * Returns the newest segment, open for durable updates and locked; the caller closes it. Throws LOG_LOCKED when it
   * is not `name`: then another process has appended since the lock was taken.
   */
  takeNewestSegment(name: string): File;
  /** False when the lock file was removed or replaced, so that it no longer excludes other processes. */
  isHeld(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * Locks the lock file and the newest segment. The writer holds both, so that removing the lock file does not admit a
 * second writer. Rejects with LOG_LOCKED while another process, or this one, has the log open. The lock ends with its
 * process.
 */
export async function lockDirectory(directory: LogDirectory): Promise<DirectoryLock> {
  const file = await directory.open(lockName, "update");
  let newest: { readonly name: string; readonly file: File } | undefined;
  try {
    await assertLocked(file, directory, false);
    newest = await lockNewestSegment(directory, "updateDurable");
    let { logId } = await readContent(file);
    const write = async () => {
      const mark = logId === undefined ? " ".repeat(20) : `log ${logId}`;
      await writeFully(file, Buffer.from(`${String(process.pid).padEnd(10)}\n${mark}\n`, "latin1"), 0);
    };
    await write();
    return {
      async markLog(id) {
        if (id?.toString("hex") === logId) return;
        logId = id?.toString("hex");
        await write();
        await file.sync();
      },
      takeNewestSegment(name) {
        if (newest?.name !== name) {
          throw new DuetError(
            "LOG_LOCKED",
            `the log in ${directory.path} changed while it was read; it is in use`,
          );
        }
        const taken = newest.file;
        newest = undefined;
        return taken;
      },
      isHeld: () => file.isAt(directory.pathOf(lockName)),
      async release() {
        if (newest) await closeQuietly(newest.file);
        await closeQuietly(file);
      },
    };
  } catch (error) {
    if (newest) await closeQuietly(newest.file);
    await closeQuietly(file);
    throw error;
  }
}

/** Locks the newest segment; undefined when there is none. Rejects with LOG_LOCKED when a process appends to it. */
async function lockNewestSegment(directory: LogDirectory, mode: "read" | "updateDurable") {
  const name = (await directory.content()).segments.at(-1)?.name;
  if (name === undefined) return undefined;
  const file = await directory.open(name, mode);
  if (file.tryLock(mode === "read")) return { name, file };
  await closeQuietly(file);
  throw new DuetError(
    "LOG_LOCKED",
    `the log in ${directory.path} is in use by a process whose lock file was removed; ${name} is locked`,
  );
}

/**
 * Excludes writers while a log is read, without changing anything. Resolves with the function that releases the lock.
 */
export async function lockDirectoryForReading(directory: LogDirectory): Promise<() => Promise<void>> {
  const files: File[] = [];
  const release = async () => {
    for (const file of files) await closeQuietly(file);
  };
  try {
    if (await directory.has(lockName)) {
      files.push(await directory.open(lockName, "read"));
      await assertLocked(files[0] as File, directory, true);
    }
    const newest = await lockNewestSegment(directory, "read");
    if (newest) files.push(newest.file);
    return release;
  } catch (error) {
    await release();
    throw error;
  }
}

/** The id of the log in this directory, as recorded in the lock file. */
export async function readLogMark(directory: LogDirectory): Promise<string | undefined> {
  if (!(await directory.has(lockName))) return undefined;
  const file = await directory.open(lockName, "read");
  try {
    return (await readContent(file)).logId;
  } finally {
    await closeQuietly(file);
  }
}

async function assertLocked(file: File, directory: LogDirectory, shared: boolean): Promise<void> {
  if (file.tryLock(shared)) return;
  const { pid } = await readContent(file);
  // In containers that share a volume, every process may have the same pid.
  const holder = pid === undefined || pid === process.pid ? "another process, or this one" : `process ${pid}`;
  throw new DuetError("LOG_LOCKED", `the log in ${directory.path} is in use by ${holder}`, {
    metadata: pid === undefined ? {} : { pid: String(pid) },
  });
}

async function readContent(file: File): Promise<{ pid: number | undefined; logId: string | undefined }> {
  const bytes = Buffer.alloc(64);
  const filled = await readFully(file, bytes, 0);
  const match = contentPattern.exec(bytes.toString("latin1", 0, filled));
  return { pid: match ? Number(match[1]) : undefined, logId: match?.[2] };
}
