import type { GetResponse } from "../client/messages.ts";
import { readValue } from "../entry-value.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { isTerminalSafe } from "../printable.ts";

export const run: Run<"get"> = async ({ positionals: [key], flags, output, openClient }) => {
  const request = {
    key,
    ...(flags.local && { consistency: "LOCAL" }),
    minRevision: flags["min-revision"],
    atRevision: flags.at,
  };
  const { entry } = await openClient().read<GetResponse>("Get", request);
  const value = readValue(entry);
  if (output.json) output.object(entry);
  else if (!output.terminal) output.bytes(value);
  else if (entry.bytesValue === undefined && isTerminalSafe(value.toString())) output.line(value.toString());
  else {
    throw usageFailure(
      `the value is binary (${value.length} bytes) and is not printed to a terminal`,
      "Write it to a file: duetkv get KEY > FILE. Or print it as JSON: --json.",
    );
  }
  return 0;
};
