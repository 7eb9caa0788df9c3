import type { TouchResponse } from "../client/messages.ts";
import { toTimeText } from "../entry-line.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { expectRevision, toDuration, toPrecondition } from "../write-options.ts";

export const run: Run<"touch"> = async ({ positionals: [key], flags, output, openClient }) => {
  const { ttl, permanent, "if-revision": ifRevision } = flags;
  if ((ttl !== undefined) === permanent) throw usageFailure("touch needs either --ttl or --permanent");
  const request = { key, ttl: toDuration(ttl), precondition: toPrecondition(ifRevision) };
  const response = await expectRevision(ifRevision, openClient().write<TouchResponse>("Touch", request));
  const { expireTime } = response.entry;
  if (output.json) output.object(response);
  else output.line(expireTime === undefined ? "permanent" : `expires ${toTimeText(expireTime)}`);
  return 0;
};
