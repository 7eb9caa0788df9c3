import { createReadStream, createWriteStream } from "node:fs";
import { access, constants, type FileHandle, mkdtemp, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { usageFailure } from "../failure.ts";

/** The bytes of an export; `open` can be called repeatedly if that was requested. */
interface ImportSource extends AsyncDisposable {
  open(): AsyncIterable<Buffer>;
}

/**
 * Opens a file, or stdin for "-". With `readTwice`, stdin is copied to a temporary file. Rejects with CommandFailure.
 */
export async function openImportSource(file: string, readTwice: boolean): Promise<ImportSource> {
  if (file !== "-") {
    await access(file, constants.R_OK).catch((error: Error) => {
      throw usageFailure(`cannot read ${file}: ${error.message}`);
    });
    return { open: () => createReadStream(file), async [Symbol.asyncDispose]() {} };
  }
  if (process.stdin.isTTY) throw usageFailure("there is nothing to read from", "Name the file of an export.");
  if (!readTwice) return { open: () => process.stdin, async [Symbol.asyncDispose]() {} };
  const copy = await openNamelessFile();
  // Streams of the handle itself would keep it open.
  const { fd } = copy;
  try {
    await pipeline(process.stdin, createWriteStream("", { fd, autoClose: false }));
  } catch (error) {
    await copy.close();
    throw error;
  }
  return {
    open: () => createReadStream("", { fd, start: 0, autoClose: false }),
    [Symbol.asyncDispose]: () => copy.close(),
  };
}

/** Opens a temporary file and removes its name: then it goes with this process, also when that is interrupted. */
async function openNamelessFile(): Promise<FileHandle> {
  const directory = await mkdtemp(join(tmpdir(), "duetkv-import-"));
  try {
    return await open(join(directory, "export.jsonl"), "wx+", 0o600);
  } finally {
    await rm(directory, { recursive: true });
  }
}
