import { followWatch } from "../client/follow-watch.ts";
import type { Entry } from "../client/messages.ts";
import { toValueText } from "../entry-line.ts";
import type { Run } from "../invocation.ts";

export const run: Run<"observe"> = async ({ positionals: [key = ""], output, openClient }) => {
  const warn = (message: string) => output.warn(`the watch was interrupted: ${message}; trying again`);
  let leader: Entry | undefined;
  let existing: Entry | undefined;
  let shown: string | undefined;
  const request = { key, includeExisting: true };
  for await (const response of followWatch(openClient(), request, ({ error }) => warn(error.message))) {
    existing = response.existing[0] ?? existing;
    if (response.existingEnd) leader = existing;
    for (const { type, entry } of response.events) leader = type === "PUT" ? entry : undefined;
    if (!response.existingEnd && response.events.length === 0) continue;
    const fence = leader?.revision ?? "none";
    if (fence === shown) continue;
    shown = fence;
    if (output.json) output.object(leader === undefined ? { leader: null } : { leader });
    else output.line(leader === undefined ? "no leader" : `${toValueText(leader)}, fence ${leader.revision}`);
    await output.drained();
  }
  return 0;
};
