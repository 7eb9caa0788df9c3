import { listEntries } from "../client/list-entries.ts";
import type { Entry, ListResponse } from "../client/messages.ts";
import { toDateText, toValueText } from "../entry-line.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";

export const run: Run<"ls"> = async ({ positionals: [prefix = ""], flags, output, openClient }) => {
  const client = openClient();
  if (flags.count) {
    if (flags.limit !== undefined || flags.long || flags.values || flags.reverse) {
      throw usageFailure("--count excludes --limit, --long, --values and --reverse");
    }
    const response = await client.read<ListResponse>("List", { prefix, countOnly: true });
    if (output.json) output.object({ count: response.count, revision: response.revision });
    else output.line(response.count);
    return 0;
  }
  const request = {
    prefix,
    reverse: flags.reverse,
    keysOnly: !flags.values,
    ...(!flags.recursive && { delimiter: "/" }),
  };
  for await (const listed of listEntries(client, request, { limit: flags.limit })) {
    if (output.json) output.object("entry" in listed ? listed.entry : listed);
    else if ("entry" in listed) output.line(toLine(listed.entry, flags));
    else
      output.line(
        flags.long ? `${" ".repeat(longWidth)}${toPrintable(listed.prefix)}` : toPrintable(listed.prefix),
      );
    await output.drained();
  }
  return 0;
};

/** The columns of --long: revision, version, time of the last write, expire time. */
function toLongColumns({ revision, version, updateTime, expireTime }: Entry): string {
  const numbers = `${revision.padStart(12)} ${version.padStart(8)}`;
  return `${numbers}  ${toDateText(updateTime)}  ${toDateText(expireTime)}  `;
}

const longWidth = 12 + 1 + 8 + 2 + 19 + 2 + 19 + 2;

function toLine(entry: Entry, flags: { readonly long: boolean; readonly values: boolean }): string {
  const value = flags.values ? `\t${toValueText(entry)}` : "";
  return `${flags.long ? toLongColumns(entry) : ""}${toPrintable(entry.key)}${value}`;
}
