import { toValueField } from "../entry-value.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { readInputFile, readStdin } from "../read-input.ts";
import { expectRevision, toDuration, toPrecondition } from "../write-options.ts";

export const run: Run<"put"> = async ({ positionals: [key = "", argument], flags, output, openClient }) => {
  const ifRevision = flags["if-revision"];
  const precondition = toPrecondition(ifRevision, flags["if-new"]);
  const client = openClient();
  const value = await readPutValue(argument, flags.file);
  const request = { key, ...toValueField(value, flags.bytes), ttl: toDuration(flags.ttl), precondition };
  const response = await expectRevision(ifRevision, client.put(request));
  if (output.json) output.object(response);
  else output.note(`revision ${response.revision}`);
  return 0;
};

async function readPutValue(argument: string | undefined, file: string | undefined): Promise<Buffer> {
  if (file !== undefined) {
    if (argument !== undefined) throw usageFailure("VALUE and --file exclude each other");
    return readInputFile(file);
  }
  if (argument !== undefined && argument !== "-") return Buffer.from(argument);
  return readStdin(argument === "-", "Give the value as an argument, with --file, or on stdin with -.");
}
