import { listEntries } from "../client/list-entries.ts";
import type { ListResponse } from "../client/messages.ts";
import { ContentTally } from "../content-tally.ts";
import type { ExportEnd } from "../export-format.ts";
import { CommandFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { Progress } from "../progress.ts";

export const run: Run<"export"> = async ({ flags, output, openClient }) => {
  const client = openClient();
  const prefix = flags.prefix ?? "";
  const tally = new ContentTally();
  const request = { prefix, ...(flags.local && { consistency: "LOCAL" as const }) };
  const { count } = await client.read<ListResponse>("List", { ...request, countOnly: true });
  const progress = new Progress("entries", output.quiet);
  let firstRevision: string | undefined;
  let revision = "0";
  const notePage = (page: ListResponse) => {
    firstRevision ??= page.revision;
    // Tells once, so that a user need not wait for the end.
    if (revision === firstRevision && page.revision !== firstRevision) {
      output.warn(
        `the history no longer has revision ${firstRevision}; the other entries are of later revisions`,
      );
    }
    revision = page.revision;
  };
  try {
    for await (const listed of listEntries(client, request, { onPage: notePage })) {
      if (!("entry" in listed)) continue;
      tally.add(listed.entry);
      output.object(listed.entry);
      progress.update(tally.count, Number(count));
      await output.drained();
    }
  } finally {
    progress.end();
  }
  const isMixed = firstRevision !== undefined && firstRevision !== revision;
  const end: ExportEnd = {
    count: tally.count,
    sha256: tally.digest(),
    prefix,
    revision,
    ...(isMixed && { firstRevision }),
  };
  output.object({ end });
  if (!isMixed) return 0;
  await output.flushed();
  throw new CommandFailure({
    outcome: "found",
    reason: "REVISIONS_MIXED",
    message: `the export is complete, but has entries of several revisions, from ${firstRevision} to ${revision}`,
    advice:
      "Export again while fewer entries change, or with a longer history: --watch-history-events-max of the server. " +
      "A backup is always of one revision: duetkv snapshot save.",
  });
};
