import type { Client } from "./client.ts";
import type { CommitResponse, ListResponse } from "./messages.ts";

/** The keys of one commit: few enough not to delay other writers. */
const batchKeysMax = 500;

/**
 * Deletes all keys that begin with the prefix, in batches. Keys that are written meanwhile may stay. `onDeleted`
 * receives the count so far. Resolves with the count.
 */
export async function deletePrefix(
  client: Client,
  prefix: string,
  onDeleted: (deleted: number) => void,
): Promise<number> {
  let deleted = 0;
  let pageToken = "";
  do {
    const page: ListResponse = await client.read<ListResponse>("List", {
      prefix,
      keysOnly: true,
      pageSize: batchKeysMax,
      pageToken,
    });
    if (page.entries.length > 0) {
      const mutations = page.entries.map(({ key }) => ({ delete: { key } }));
      const { results } = await client.write<CommitResponse>("Commit", { mutations });
      deleted += results.filter((result) => result.deleted).length;
      onDeleted(deleted);
    }
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return deleted;
}
