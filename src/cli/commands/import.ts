import type { Client } from "../client/client.ts";
import { exitCodes } from "../exit-codes.ts";
import { type ExportEnd, readExport } from "../export-format.ts";
import { usageFailure } from "../failure.ts";
import type { BatchWriter } from "../import/batch-writer.ts";
import type { EntryContent } from "../import/entry-content.ts";
import { openForeignSource } from "../import/foreign/open-foreign-source.ts";
import { openImportSource } from "../import/import-source.ts";
import { storeEntries } from "../import/store-entries.ts";
import type { Invocation, Run } from "../invocation.ts";
import type { Output } from "../output.ts";

export const run: Run<"import"> = (invocation) =>
  invocation.flags.from === undefined
    ? importExport(invocation)
    : importForeign(invocation, invocation.flags.from);

async function importExport(invocation: Invocation<"import">): Promise<number> {
  const { positionals, flags, output } = invocation;
  const [file = "-"] = positionals;
  if (flags["allow-empty"]) throw usageFailure(allowEmptyMisused);
  const mode = flags.mode ?? "put";
  if (flags.resume !== undefined && mode !== "put") {
    throw usageFailure(
      "--resume needs --mode put",
      "Repeat the import: the other modes compare, and write what is missing.",
    );
  }
  // The export's prefix, which is in its end record, decides what is deleted or renamed, unless --prefix gives it.
  const checksFirst = mode === "mirror" || (flags["to-prefix"] !== undefined && flags.prefix === undefined);
  await using source = await openImportSource(file, checksFirst);
  const end = checksFirst ? await readToEnd(source.open()) : undefined;
  const prefix = flags.prefix ?? end?.prefix ?? "";
  const toPrefix = flags["to-prefix"] ?? prefix;
  const entries = readExport(source.open());
  const writer = await storeEntries(invocation, {
    entries,
    statePath: flags.resume,
    prefix,
    toPrefix,
    total: end?.count ?? 0,
  });
  report(writer, output);
  return exitCodes.done.code;
}

async function importForeign(
  invocation: Invocation<"import">,
  from: "etcd" | "redis" | "consul",
): Promise<number> {
  const { positionals, flags, output, openClient } = invocation;
  const [url = ""] = positionals;
  if (flags.resume !== undefined) {
    throw usageFailure(
      "--resume and --from exclude each other",
      "Use --mode create or mirror to import what is missing.",
    );
  }
  const mirrors = flags.mode === "mirror";
  if (flags["allow-empty"] && !mirrors) throw usageFailure(allowEmptyMisused);
  const unsupported = new Map<string, number>();
  const prefix = flags.prefix ?? "";
  const toPrefix = flags["to-prefix"] ?? prefix;
  const { keyBytesMax, valueBytesMax } = await readLimits(openClient());
  const found = await openForeignSource(from, url, {
    prefix,
    timeoutMs: foreignTimeoutMs,
    keyBytesMax: keyBytesMax - Buffer.byteLength(toPrefix) + Buffer.byteLength(prefix),
    valueBytesMax,
    onUnsupported(reason, key) {
      unsupported.set(reason, (unsupported.get(reason) ?? 0) + 1);
      if (key !== undefined) output.warn(`not imported: ${JSON.stringify(key)}: ${reason}`);
    },
  });
  const entries = mirrors && !flags["allow-empty"] ? refuseEmpty(found) : found;
  const writer = await storeEntries(invocation, {
    entries,
    statePath: undefined,
    prefix,
    toPrefix,
    total: 0,
  });
  report(writer, output, Object.fromEntries(unsupported));
  for (const [reason, count] of unsupported) output.warn(`${count} entries were not imported: ${reason}`);
  return unsupported.size === 0 ? exitCodes.done.code : exitCodes.found.code;
}

const allowEmptyMisused = "--allow-empty needs --from and --mode mirror";

/** Rejects at the end of a source without entries: a mirror of it, such as of a wrong database, would delete every key. */
async function* refuseEmpty(entries: AsyncIterable<EntryContent>) {
  let isEmpty = true;
  for await (const entry of entries) {
    isEmpty = false;
    yield entry;
  }
  if (isEmpty) {
    throw usageFailure(
      "a mirror of a store without entries deletes all keys of the prefix",
      "Check the URL and --prefix, or confirm with --allow-empty.",
    );
  }
}

/** What the server accepts of one entry, in bytes. */
async function readLimits(client: Client) {
  const method = "duetkv.v1.StatusService/GetStatus";
  const { limits } = await client.read<{ readonly limits: Readonly<Record<string, string>> }>(method, {});
  return { keyBytesMax: Number(limits["key_bytes_max"]), valueBytesMax: Number(limits["value_bytes_max"]) };
}

/** Another store reads a page from its disk. */
const foreignTimeoutMs = 30_000;

function report(
  { put: imported, skipped, deleted }: BatchWriter,
  output: Output,
  unsupported?: object,
): void {
  if (output.json) output.object({ imported, skipped, deleted, ...(unsupported && { unsupported }) });
  else output.note(`imported ${imported}, skipped ${skipped}, deleted ${deleted}`);
}

async function readToEnd(chunks: AsyncIterable<Buffer>): Promise<ExportEnd> {
  const entries = readExport(chunks);
  for (;;) {
    const { done, value } = await entries.next();
    if (done === true) return value;
  }
}
