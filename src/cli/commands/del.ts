import type { DeleteResponse } from "../client/messages.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { expectRevision, toPrecondition } from "../write-options.ts";

export const run: Run<"del"> = async ({ positionals: keys, flags, output, openClient }) => {
  const ifRevision = flags["if-revision"];
  if (ifRevision !== undefined && keys.length > 1) throw usageFailure("--if-revision goes with one key");
  const precondition = toPrecondition(ifRevision);
  const client = openClient();
  let deleted = 0;
  for (const key of keys) {
    const response = await expectRevision(
      ifRevision,
      client.call<DeleteResponse>("Delete", { key, precondition }, { kind: "write" }),
    );
    if (response.deleted) deleted++;
    if (output.json) output.object({ key, ...response });
  }
  if (!output.json) output.line(`deleted ${deleted}`);
  return 0;
};
