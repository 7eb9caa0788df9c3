import { readEntry } from "../client/read-entry.ts";
import { readValue } from "../entry-value.ts";
import { exitCodes } from "../exit-codes.ts";
import { readFlagValue } from "../flag-value.ts";
import type { Run } from "../invocation.ts";
import { isTerminalSafe, toPrintable } from "../printable.ts";
import { toTextDiff } from "../text-diff.ts";

export const run: Run<"diff"> = async ({ positionals: [key = "", ...given], output, openClient }) => {
  const [from, to] = given.map(
    (text, index) => readFlagValue("revision", text, index === 0 ? "A" : "B") as string,
  );
  const client = openClient();
  const [before, after] = [await readEntry(client, key, from), await readEntry(client, key, to)];
  const values = [before, after].map((entry) => (entry === undefined ? undefined : readValue(entry)));
  const [old, recent] = values;
  const equal = old === undefined || recent === undefined ? old === recent : old.equals(recent);
  if (output.json) output.object({ key, from, to, equal, before, after });
  else if (!equal) {
    const names = [toName(key, from, old), toName(key, to, recent)] as const;
    const texts = values.map((value) => value?.toString() ?? "") as [string, string];
    const shown = texts.every(isTerminalSafe)
      ? toTextDiff(...texts, names)
      : "the values are binary and differ\n";
    output.line(colorDiff(shown.trimEnd(), output.color.bind(output)));
  }
  return equal ? exitCodes.done.code : exitCodes.found.code;
};

function toName(key: string, revision: string | undefined, value: Buffer | undefined): string {
  const when = revision === undefined ? "now" : `at revision ${revision}`;
  return `${toPrintable(key)} ${when}${value === undefined ? " (no such key)" : ""}`;
}

function colorDiff(diff: string, color: (name: "red" | "green" | "cyan", text: string) => string): string {
  const colors = { "-": "red", "+": "green", "@": "cyan" } as const;
  const toColored = (line: string) => {
    const name = colors[line[0] as keyof typeof colors];
    return name === undefined ? line : color(name, line);
  };
  return diff.split("\n").map(toColored).join("\n");
}
