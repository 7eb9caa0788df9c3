import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import type { Entry, WriteResponse } from "../client/messages.ts";
import { readEntry } from "../client/read-entry.ts";
import { openDraft } from "../draft.ts";
import { readValue, toValueField } from "../entry-value.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import type { Output } from "../output.ts";
import { isTerminalSafe, toPrintable } from "../printable.ts";
import { ask, canAsk } from "../prompt.ts";
import { toTextDiff } from "../text-diff.ts";
import { toDuration } from "../write-options.ts";

export const run: Run<"edit"> = async ({
  positionals: [key = ""],
  flags,
  output,
  openClient,
  onInterrupt,
}) => {
  const client = openClient();
  let base = await readTextEntry(client, key);
  using draft = openDraft(toText(base), flags.format === "json", onInterrupt);
  for (let text = await draft.edit(); text !== toText(base) || base === undefined; ) {
    showDiff(toText(base), text, [nameOf(base), "yours"], output);
    try {
      const response = await client.write<WriteResponse>("Put", {
        key,
        ...toValueField(Buffer.from(text), base?.bytesValue !== undefined),
        ttl: await readTtl(client, base),
        precondition: base === undefined ? { exists: false } : { revision: base.revision },
      });
      draft.discard();
      if (output.json) output.object(response);
      else output.note(`revision ${response.revision}`);
      return 0;
    } catch (error) {
      if (!(error instanceof CallError) || !isConflict(error) || !canAsk()) throw error;
      const before = base;
      base = await readTextEntry(client, key);
      output.warn(`another client has changed ${toPrintable(key)}:`);
      showDiff(toText(before), toText(base), [nameOf(before), `theirs, ${nameOf(base)}`], output);
      const answer = await ask("Edit your text again (e), overwrite the other change (r), or quit (q)?");
      if (/^e/i.test(answer)) text = await draft.edit();
      else if (!/^r/i.test(answer)) throw error;
    }
  }
  draft.discard();
  output.note("nothing was changed");
  return 0;
};

function isConflict({ details: { reason } }: CallError): boolean {
  return reason === "REVISION_MISMATCH" || reason === "KEY_EXISTS";
}

async function readTextEntry(client: Client, key: string): Promise<Entry | undefined> {
  const entry = await readEntry(client, key);
  if (entry === undefined || isTerminalSafe(readValue(entry).toString())) return entry;
  throw usageFailure(
    "the value is not text",
    "Read and write it as a file: duetkv get KEY > FILE, duetkv put KEY --file FILE.",
  );
}

/**
 * What is left of the entry's time to live, by the clock of the server: a put without it would make the entry permanent. A touch
 * during the edit changes the time to live, but not the revision, so it is read again.
 */
async function readTtl(client: Client, base: Entry | undefined): Promise<string | undefined> {
  if (base === undefined) return undefined;
  const { expireTime } = (await readEntry(client, base.key)) ?? base;
  if (expireTime === undefined) return undefined;
  // The service requires at least one second.
  return toDuration(Math.max(Date.parse(expireTime) - client.serverTimeMs, 1000));
}

function toText(entry: Entry | undefined): string {
  return entry === undefined ? "" : readValue(entry).toString();
}

function nameOf(entry: Entry | undefined): string {
  return entry === undefined ? "no such key" : `rev ${entry.revision}`;
}

function showDiff(before: string, after: string, names: readonly [string, string], output: Output): void {
  output.note(toTextDiff(before, after, names).trimEnd());
}
