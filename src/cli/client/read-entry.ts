import type { Client } from "./client.ts";
import type { BatchGetResponse, Entry } from "./messages.ts";

/** Reads the entry of a key, now or at an earlier revision; undefined if there is none. */
export async function readEntry(
  client: Client,
  key: string,
  atRevision?: string,
): Promise<Entry | undefined> {
  const { entries } = await client.read<BatchGetResponse>("BatchGet", { keys: [key], atRevision });
  return entries[0];
}
