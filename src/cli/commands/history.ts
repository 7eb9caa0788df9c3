import type { Event, HistoryResponse } from "../client/messages.ts";
import { toDateText, toValueText } from "../entry-line.ts";
import { readValue } from "../entry-value.ts";
import type { Run } from "../invocation.ts";

export const run: Run<"history"> = async ({ positionals: [key], output, openClient }) => {
  const client = openClient();
  let pageToken = "";
  let oldest = "0";
  if (!output.json) output.line(toRow("REVISION", "VERSION", "TIME", "CHANGE", "SIZE", "VALUE"));
  do {
    const page: HistoryResponse = await client.read<HistoryResponse>("History", { key, pageToken });
    for (const event of page.events) {
      if (output.json) output.object(event);
      else output.line(toEventRow(event));
    }
    await output.drained();
    pageToken = page.nextPageToken;
    oldest = page.oldestRevision;
  } while (pageToken !== "");
  if (oldest !== "0") output.note(`the history begins at revision ${oldest}`);
  return 0;
};

function toEventRow({ type, entry, expired }: Event): string {
  const time = toDateText(entry.updateTime);
  if (type === "DELETE") return toRow(entry.revision, "-", time, expired ? "EXPIRED" : type, "-", "");
  const size = `${readValue(entry).length} B`;
  return toRow(entry.revision, entry.version, time, type, size, shorten(toValueText(entry)));
}

function toRow(revision: string, version: string, time: string, change: string, size: string, value: string) {
  const numbers = `${revision.padStart(12)} ${version.padStart(8)}`;
  return `${numbers}  ${time.padEnd(19)}  ${change.padEnd(7)} ${size.padStart(10)}  ${value}`.trimEnd();
}

function shorten(text: string): string {
  const most = 60;
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
