import { listEntries } from "../client/list-entries.ts";
import type { ListResponse } from "../client/messages.ts";
import { ContentTally } from "../content-tally.ts";
import type { ExportEnd } from "../export-format.ts";
import type { Run } from "../invocation.ts";
import { Progress } from "../progress.ts";

export const run: Run<"export"> = async ({ flags, output, openClient }) => {
  const client = openClient();
  const prefix = flags.prefix ?? "";
  const tally = new ContentTally();
  const { count } = await client.read<ListResponse>("List", { prefix, countOnly: true });
  const progress = new Progress("entries", output.quiet);
  let revision: string | undefined;
  const notePage = (page: ListResponse) => {
    revision ??= page.revision;
    if (revision === page.revision) return;
    output.warn(
      `the history no longer has revision ${revision}; the following entries are from revision ${page.revision}`,
    );
    revision = page.revision;
  };
  try {
    for await (const listed of listEntries(client, { prefix }, { onPage: notePage })) {
      if (!("entry" in listed)) continue;
      tally.add(listed.entry);
      output.object(listed.entry);
      progress.update(tally.count, Number(count));
      await output.drained();
    }
  } finally {
    progress.end();
  }
  const end: ExportEnd = { count: tally.count, sha256: tally.digest(), prefix, revision: revision ?? "0" };
  output.object({ end });
  return 0;
};
