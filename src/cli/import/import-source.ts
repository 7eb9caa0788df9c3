import { createReadStream, createWriteStream } from "node:fs";
import { access, constants, mkdtemp, rm } from "node:fs/promises";
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
  const directory = await mkdtemp(join(tmpdir(), "duetkv-import-"));
  const copy = join(directory, "export.jsonl");
  const remove = () => rm(directory, { recursive: true, force: true });
  try {
    await pipeline(process.stdin, createWriteStream(copy, { mode: 0o600 }));
  } catch (error) {
    await remove();
    throw error;
  }
  return { open: () => createReadStream(copy), [Symbol.asyncDispose]: remove };
}
