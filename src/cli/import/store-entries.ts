import type { Client } from "../client/client.ts";
import { listEntries } from "../client/list-entries.ts";
import { usageFailure } from "../failure.ts";
import type { Invocation } from "../invocation.ts";
import { Progress } from "../progress.ts";
import { BatchWriter } from "./batch-writer.ts";
import type { EntryContent } from "./entry-content.ts";
import { ImportState } from "./import-state.ts";
import { joinEntries } from "./join-entries.ts";

/** What is imported, and to where. */
export interface Import {
  readonly entries: AsyncIterable<EntryContent>;
  /** The file that knows which entries an earlier run has stored. */
  readonly statePath: string | undefined;
  /** Only keys that begin with this, in place of which they get `toPrefix`. */
  readonly prefix: string;
  readonly toPrefix: string;
  /** The number of entries; 0 while it is unknown. */
  readonly total: number;
}

/** Stores entries in the mode of the flags. Resolves with the counts. Rejects with CommandFailure or CallError. */
export async function storeEntries(
  { flags, output, openClient }: Invocation<"import">,
  { entries, statePath, prefix, toPrefix, total }: Import,
): Promise<BatchWriter> {
  const mode = flags.mode ?? "put";
  const batch = flags.batch ?? 500;
  if (batch > 1000) throw usageFailure("--batch must be at most 1000");
  const client = openClient();
  const storeId = statePath === undefined ? "" : await readStoreId(client);
  const state = new ImportState(statePath, { storeId, prefix, toPrefix });
  const progress = new Progress("entries", output.quiet);
  const writer = new BatchWriter(client, batch, mode === "create", () => state.save());
  const sources = renamed(entries, state, prefix, toPrefix);
  try {
    for await (const { key, source, target } of joined(client, sources, mode, toPrefix)) {
      if (source === undefined) {
        if (mode === "mirror") await writer.delete(key);
      } else if (target !== undefined && (mode === "create" || isSame(source, target))) writer.skipped++;
      else await writer.putEntry(key, source);
      progress.update(writer.done, total);
    }
    await writer.flush();
  } finally {
    progress.end();
  }
  state.finish();
  return writer;
}

async function readStoreId(client: Client): Promise<string> {
  const method = "duetkv.v1.StatusService/GetStatus";
  return (await client.read<{ readonly storeId: string }>(method, {})).storeId;
}

/** The entries to store, with their new keys. */
async function* renamed(
  entries: AsyncIterable<EntryContent>,
  state: ImportState,
  prefix: string,
  toPrefix: string,
): AsyncGenerator<readonly [key: string, entry: EntryContent], void, undefined> {
  for await (const entry of entries) {
    if (state.isStored(entry) || !entry.key.startsWith(prefix)) continue;
    yield [`${toPrefix}${entry.key.slice(prefix.length)}`, entry];
  }
}

/** Pairs each entry with the stored one, if the mode needs it. */
async function* joined(
  client: Client,
  entries: AsyncIterable<readonly [key: string, entry: EntryContent]>,
  mode: "put" | "create" | "mirror",
  prefix: string,
) {
  if (mode !== "put") {
    yield* joinEntries(entries, stored(client, prefix, mode === "create"));
    return;
  }
  for await (const [key, source] of entries) yield { key, source, target: undefined };
}

async function* stored(client: Client, prefix: string, keysOnly: boolean) {
  for await (const listed of listEntries(client, { prefix, keysOnly }))
    if ("entry" in listed) yield listed.entry;
}

/** An entry with a time to live is always written: its expire time differs by the duration of the transfer. */
function isSame(source: EntryContent, target: EntryContent): boolean {
  const permanent = source.expireTime === undefined && target.expireTime === undefined;
  return permanent && source.value === target.value && source.bytesValue === target.bytesValue;
}
