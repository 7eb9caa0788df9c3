import { join } from "node:path";
import { DuetError } from "../../duet-error.ts";
import { lockName } from "./directory.ts";
import { closeQuietly, type File, type FileSystem, readFully, writeFully } from "./file-system.ts";

/**
 * The lock file has two lines of fixed length, so that one write in place changes both: the pid of its holder, and the
 * id of the log once the log's first file is durable. A directory with an id and no log has lost it.
 */
const contentPattern = /^(\d+) *\n(?:log ([0-9a-f]{16}))?/;

export interface DirectoryLock {
  /** Notes that the log with this id lives here from now on; undefined: that none does. */
  markLog(logId: Buffer | undefined): Promise<void>;
  release(): Promise<void>;
}

/** Rejects with LOG_LOCKED while another process, or this one, has the log open. The lock goes with its process. */
export async function lockDirectory(fileSystem: FileSystem, directory: string): Promise<DirectoryLock> {
  const file = await fileSystem.open(join(directory, lockName), "update");
  try {
    await assertLocked(file, directory, false);
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
      release: () => closeQuietly(file),
    };
  } catch (error) {
    await closeQuietly(file);
    throw error;
  }
}

/** Keeps writers out while a log is read; changes nothing. A directory without a lock file has no writer. */
export async function lockDirectoryForReading(
  fileSystem: FileSystem,
  directory: string,
): Promise<() => Promise<void>> {
  if (!(await fileSystem.list(directory)).includes(lockName)) return async () => {};
  const file = await fileSystem.open(join(directory, lockName), "read");
  try {
    await assertLocked(file, directory, true);
  } catch (error) {
    await closeQuietly(file);
    throw error;
  }
  return () => closeQuietly(file);
}

/** Id of the log that lives in this directory, as far as the lock file knows. */
export async function readLogMark(fileSystem: FileSystem, directory: string): Promise<string | undefined> {
  if (!(await fileSystem.list(directory)).includes(lockName)) return undefined;
  const file = await fileSystem.open(join(directory, lockName), "read");
  try {
    return (await readContent(file)).logId;
  } finally {
    await closeQuietly(file);
  }
}

async function assertLocked(file: File, directory: string, shared: boolean): Promise<void> {
  if (file.tryLock(shared)) return;
  const { pid } = await readContent(file);
  // In containers that share a volume every process may have the same number.
  const holder = pid === undefined || pid === process.pid ? "another process, or this one" : `process ${pid}`;
  throw new DuetError("LOG_LOCKED", `the log in ${directory} is in use by ${holder}`, {
    metadata: pid === undefined ? {} : { pid: String(pid) },
  });
}

async function readContent(file: File): Promise<{ pid: number | undefined; logId: string | undefined }> {
  const bytes = Buffer.alloc(64);
  const filled = await readFully(file, bytes, 0);
  const match = contentPattern.exec(bytes.toString("latin1", 0, filled));
  return { pid: match ? Number(match[1]) : undefined, logId: match?.[2] };
}
