import { type Client, ConflictError, type Entry } from "@duetkv/client";
import type { Value } from "./value.ts";

/** How far a deletion has come. */
export interface Progress {
  readonly deleted: number;
  /** Changed or deleted by somebody else since that revision. */
  readonly kept: number;
}

/** Deletes of one commit. */
const batchSize = 200;

/**
 * Deletes the keys that had the prefix at the revision in batches, each on the condition that nobody has changed it since.
 * Aborting the signal ends it after the batch that is under way. Rejects with DuetError.
 */
export async function deleteBelow(
  client: Client,
  prefix: string,
  revision: number,
  signal: AbortSignal,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  let progress: Progress = { deleted: 0, kept: 0 };
  let batch: Entry<Value>[] = [];
  async function flush(): Promise<void> {
    const deleted = await deleteUnchanged(client, batch);
    progress = { deleted: progress.deleted + deleted, kept: progress.kept + batch.length - deleted };
    batch = [];
    onProgress(progress);
  }
  for await (const entry of client.list({ prefix }, { atRevision: revision, pageSize: batchSize, signal })) {
    batch.push(entry);
    if (batch.length === batchSize) await flush();
    if (signal.aborted) return;
  }
  if (batch.length > 0) await flush();
}

/** Deletes all in one commit; if one has changed, one by one. Resolves with how many were deleted. */
async function deleteUnchanged(client: Client, entries: readonly Entry<Value>[]): Promise<number> {
  try {
    await client.commit((commit) => {
      for (const { key, revision } of entries) commit.check({ key, revision }).delete(key);
    });
    return entries.length;
  } catch (error) {
    if (!(error instanceof ConflictError)) throw error;
  }
  let deleted = 0;
  for (const { key, revision } of entries) {
    try {
      if (await client.delete(key, { ifRevision: revision })) deleted++;
    } catch (error) {
      if (!(error instanceof ConflictError)) throw error;
    }
  }
  return deleted;
}
