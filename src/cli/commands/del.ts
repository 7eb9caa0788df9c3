import { deletePrefix } from "../client/delete-prefix.ts";
import type { DeleteResponse, ListResponse } from "../client/messages.ts";
import { usageFailure } from "../failure.ts";
import type { Invocation, Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";
import { Progress } from "../progress.ts";
import { ask, canAsk } from "../prompt.ts";
import { toCountText } from "../units.ts";
import { expectRevision, toPrecondition } from "../write-options.ts";

export const run: Run<"del"> = async (invocation) => {
  const { positionals: keys, flags } = invocation;
  const { prefix, "if-revision": ifRevision } = flags;
  if (prefix === undefined) {
    if (keys.length === 0) throw usageFailure("del needs a KEY, or --prefix");
    if (flags.yes || flags["dry-run"] || flags.all)
      throw usageFailure("--yes, --dry-run and --all need --prefix");
    return deleteKeys(invocation);
  }
  if (keys.length > 0 || ifRevision !== undefined) {
    throw usageFailure("--prefix excludes KEY and --if-revision");
  }
  if (prefix === "" && !flags.all)
    throw usageFailure("an empty prefix means every key", "Confirm that with --all.");
  return deleteBelow(prefix, invocation);
};

async function deleteKeys({
  positionals: keys,
  flags,
  output,
  openClient,
}: Invocation<"del">): Promise<number> {
  const ifRevision = flags["if-revision"];
  if (ifRevision !== undefined && keys.length > 1) throw usageFailure("--if-revision needs exactly one key");
  const precondition = toPrecondition(ifRevision);
  const client = openClient();
  let deleted = 0;
  let done = 0;
  try {
    for (const key of keys) {
      const response = await expectRevision(
        ifRevision,
        client.write<DeleteResponse>("Delete", { key, precondition }),
      );
      done++;
      if (response.deleted) deleted++;
      if (output.json) output.object({ key, ...response });
    }
  } finally {
    // Also when a later key fails.
    if (!output.json && done > 0) output.line(`deleted ${deleted}`);
  }
  return 0;
}

async function deleteBelow(
  prefix: string,
  { flags, output, openClient }: Invocation<"del">,
): Promise<number> {
  const client = openClient();
  const { count } = await client.read<ListResponse>("List", { prefix, countOnly: true });
  if (flags["dry-run"]) {
    if (output.json) output.object({ count: Number(count), deleted: 0 });
    else output.line(`would delete ${count}`);
    return 0;
  }
  if (!flags.yes && !(await isConfirmed(prefix, count))) {
    output.note("nothing was deleted");
    return 1;
  }
  const progress = new Progress("keys", output.quiet);
  const deleted = await deletePrefix(client, prefix, (done) => progress.update(done, Number(count))).finally(
    () => progress.end(),
  );
  if (output.json) output.object({ count: Number(count), deleted });
  else output.line(`deleted ${deleted}`);
  return 0;
}

async function isConfirmed(prefix: string, count: string): Promise<boolean> {
  if (!canAsk())
    throw usageFailure("there is no terminal to ask on", "Confirm with --yes, or count with --dry-run.");
  const below = prefix === "" ? "" : ` below ${toPrintable(prefix)}`;
  return /^y(es)?$/i.test(await ask(`Delete ${toCountText(count)} keys${below}? [y/N]`));
}
