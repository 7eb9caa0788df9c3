import type { CommandSpec, Flags } from "./command.ts";
import { type CommandName, commands } from "./command-table.ts";
import { globalFlags } from "./global-flags.ts";

/** Lists all commands for `duetkv --help`, one a line. */
export function describeCommands(): string {
  return toColumns(
    Object.entries<CommandSpec>(commands).map(([name, spec]) => [
      `  duetkv ${name} ${spec.usage}`.trimEnd(),
      spec.summary,
    ]),
  );
}

/** The output of `duetkv COMMAND --help`. */
export function describeCommand(name: CommandName): string {
  const { summary, details, usage, flags, examples }: CommandSpec = commands[name];
  const own = Object.keys(flags).length === 0 ? [] : [`Flags:\n${describeFlags(flags)}`];
  return [
    `duetkv ${name}: ${summary}`,
    `  duetkv ${name} ${usage}`.trimEnd(),
    ...(details === "" ? [] : [wrap(details)]),
    ...own,
    `Flags of all commands (each is an environment variable, too: DUETKV_CLIENT_TOKEN_FILE for --token-file):\n${describeFlags(globalFlags)}`,
    `Examples:\n${examples.map((example) => `  ${example}`).join("\n")}`,
  ].join("\n\n");
}

/** A flag with the placeholder of its value. */
export function flagUsage(name: string, { value }: Flags[string]): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

function describeFlags(flags: Flags): string {
  return toColumns(Object.entries(flags).map(([name, flag]) => [`  ${flagUsage(name, flag)}`, flag.text]));
}

function toColumns(rows: readonly (readonly [left: string, right: string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `${left.padEnd(width)}  ${right}`).join("\n");
}

function wrap(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) as string;
    if (line.length + 1 + word.length > 100) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.join("\n");
}
