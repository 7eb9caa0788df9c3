import type { Client } from "../client/client.ts";
import { listEntries } from "../client/list-entries.ts";
import type { Entry } from "../client/messages.ts";
import { type ExportEnd, readExport } from "../export-format.ts";
import { usageFailure } from "../failure.ts";
import { BatchWriter } from "../import/batch-writer.ts";
import { openImportSource } from "../import/import-source.ts";
import { ImportState } from "../import/import-state.ts";
import { joinEntries } from "../import/join-entries.ts";
import type { Run } from "../invocation.ts";
import { Progress } from "../progress.ts";

export const run: Run<"import"> = async ({ positionals: [file = "-"], flags, output, openClient }) => {
  const mode = flags.mode ?? "put";
  const batch = flags.batch ?? 500;
  if (batch > 1000) throw usageFailure("--batch must be at most 1000");
  const client = openClient();
  const state = new ImportState(mode === "put" ? flags.resume : undefined);
  // The export's prefix, which is in its end record, decides what is deleted or renamed, unless --prefix gives it.
  const checksFirst = mode === "mirror" || (flags["to-prefix"] !== undefined && flags.prefix === undefined);
  await using source = await openImportSource(file, checksFirst);
  const end = checksFirst ? await readToEnd(source.open()) : undefined;
  const prefix = flags.prefix ?? end?.prefix ?? "";
  const toPrefix = flags["to-prefix"] ?? prefix;

  const progress = new Progress("entries", output.quiet);
  const writer = new BatchWriter(client, batch, mode === "create", () => state.save());
  const entries = renamed(readExport(source.open()), state, prefix, toPrefix);
  for await (const { key, source: entry, target } of joined(client, entries, mode, toPrefix)) {
    if (entry === undefined) {
      if (mode === "mirror") await writer.delete(key);
    } else if (target !== undefined && (mode === "create" || isSame(entry, target))) writer.skipped++;
    else await writer.putEntry(key, entry);
    progress.update(writer.done, end?.count);
  }
  await writer.flush();
  progress.end();
  state.remove();
  const { put: imported, skipped, deleted } = writer;
  if (output.json) output.object({ imported, skipped, deleted });
  else output.note(`imported ${imported}, skipped ${skipped}, deleted ${deleted}`);
  return 0;
};

async function readToEnd(chunks: AsyncIterable<Buffer>): Promise<ExportEnd> {
  const entries = readExport(chunks);
  for (;;) {
    const { done, value } = await entries.next();
    if (done === true) return value;
  }
}

/** The entries to store, with their new keys. */
async function* renamed(
  entries: AsyncIterable<Entry>,
  state: ImportState,
  prefix: string,
  toPrefix: string,
): AsyncGenerator<readonly [key: string, entry: Entry], void, undefined> {
  for await (const entry of entries) {
    if (state.isStored(entry) || !entry.key.startsWith(prefix)) continue;
    yield [`${toPrefix}${entry.key.slice(prefix.length)}`, entry];
  }
}

/** Pairs each entry with the stored one, if the mode needs it. */
async function* joined(
  client: Client,
  entries: AsyncIterable<readonly [key: string, entry: Entry]>,
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
function isSame(source: Entry, target: Entry): boolean {
  const permanent = source.expireTime === undefined && target.expireTime === undefined;
  return permanent && source.value === target.value && source.bytesValue === target.bytesValue;
}
