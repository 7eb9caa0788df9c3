import { type FileHandle, open, rename, rm, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import { CommandFailure, usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import type { Output } from "../output.ts";
import { Progress } from "../progress.ts";
import { describeSnapshot, describeSnapshotError } from "../snapshot/describe.ts";
import { type SnapshotSummary, verifySnapshot } from "../snapshot/verify.ts";

/** The service sends from memory without pauses. Longer silence means a lost connection. */
const silenceMs = 60_000;

/** The difference between the memory of an entry and its bytes in a snapshot. */
const memoryOverheadBytes = 210;

export const run: Run<"snapshot save"> = async ({ positionals: [path = ""], output, openClient }) => {
  const client = openClient();
  if (path === "-") {
    if (output.terminal)
      throw usageFailure(
        "a snapshot is binary and is not printed to a terminal",
        "Name a file, or use a pipe.",
      );
    for await (const piece of pieces(client, output)) {
      output.bytes(piece);
      await output.drained();
    }
    return 0;
  }
  const summary = await saveFile(client, path, output);
  if (output.json) output.object(summary);
  else output.line(describeSnapshot(summary));
  return 0;
};

/** Saves to a temporary file and renames it when it is complete, checked and synced. */
async function saveFile(client: Client, path: string, output: Output): Promise<SnapshotSummary> {
  await refuseDevice(path);
  const partial = `${path}.partial`;
  const file = await open(partial, "w", 0o600).catch(throwUsage);
  try {
    for await (const piece of pieces(client, output)) await writeWhole(file, piece);
    await file.sync();
    const summary = await verifySnapshot(partial).catch((error: unknown) => {
      throw describeSnapshotError(error);
    });
    await rename(partial, path);
    await syncDirectory(dirname(path));
    return summary;
  } catch (error) {
    await rm(partial, { force: true });
    throw error;
  } finally {
    await file.close();
  }
}

/** A rename onto a device or a pipe would put a file in its place, also for all others who use it. */
async function refuseDevice(path: string): Promise<void> {
  // An error other than that there is no such file will also fail the save.
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || found.isFile()) return;
  throw usageFailure(`${path} is not a file`, "Name a file, or write to stdout: duetkv snapshot save -.");
}

/** Makes the new name durable. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

async function* pieces(client: Client, output: Output): AsyncGenerator<Buffer, void, undefined> {
  const progress = new Progress("bytes", output.quiet);
  const total = progress.shown ? await estimateBytes(client) : 0;
  let bytes = 0;
  try {
    for await (const piece of client.download("/v1/snapshot", silenceMs)) {
      yield piece;
      bytes += piece.length;
      progress.update(bytes, total);
    }
  } catch (error) {
    if (bytes === 0 || !(error instanceof CallError)) throw error;
    const message = `the snapshot ended after ${bytes} bytes: ${error.message}`;
    throw new CommandFailure(
      { outcome: "found", reason: "SNAPSHOT_CUT", message, advice: "Save it again." },
      error,
    );
  } finally {
    progress.end();
  }
}

/** About how long the snapshot will be; 0 when the server does not tell. */
async function estimateBytes(client: Client): Promise<number> {
  const method = "duetkv.v1.StatusService/GetStatus";
  const status = await client
    .read<{ entries: string; storeBytes: string }>(method, {})
    .catch((error: unknown) => {
      // A client with the right to take a snapshot may lack the right to read the status.
      if (error instanceof CallError) return { entries: "0", storeBytes: "0" };
      throw error;
    });
  return Number(status.storeBytes) - Number(status.entries) * memoryOverheadBytes;
}

/** Writes all bytes: a single write may be partial, for example on an almost full disk. */
async function writeWhole(file: FileHandle, piece: Buffer): Promise<void> {
  for (let rest = piece; rest.length > 0; ) {
    const { bytesWritten } = await file.write(rest);
    rest = rest.subarray(bytesWritten);
  }
}

function throwUsage(error: Error): never {
  throw usageFailure(error.message);
}
