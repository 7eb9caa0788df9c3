import type { WriteResponse } from "../client/messages.ts";
import { readEntry } from "../client/read-entry.ts";
import { readValue, toValueField } from "../entry-value.ts";
import { CommandFailure, usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { expectRevision } from "../write-options.ts";

export const run: Run<"revert"> = async ({ positionals: [key = ""], flags, output, openClient }) => {
  const { to } = flags;
  if (to === undefined)
    throw usageFailure("revert needs --to REV", "Show the revisions: duetkv history KEY.");
  const client = openClient();
  const [past, present] = [await readEntry(client, key, to), await readEntry(client, key)];
  if (past === undefined) {
    throw new CommandFailure({
      outcome: "noSuchKey",
      reason: "NO_SUCH_KEY",
      message: `there was no such key at revision ${to}`,
      advice: "To restore that state, delete the key: duetkv del KEY.",
    });
  }
  const response = await expectRevision(
    present?.revision,
    client.write<WriteResponse>("Put", {
      key,
      ...toValueField(readValue(past), past.bytesValue !== undefined),
      precondition: present === undefined ? { exists: false } : { revision: present.revision },
    }),
  );
  if (output.json) output.object(response);
  else output.note(`revision ${response.revision}`);
  return 0;
};
