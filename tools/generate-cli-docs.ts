// Writes the command reference to docs/cli.md, between its marks: node tools/generate-cli-docs.ts [OUTPUT]
import { readFileSync, writeFileSync } from "node:fs";
import type { CommandSpec, Flags } from "../src/cli/command.ts";
import { commands } from "../src/cli/command-table.ts";
import { exitCodes } from "../src/cli/exit-codes.ts";
import { globalFlags } from "../src/cli/global-flags.ts";
import { flagUsage } from "../src/cli/help.ts";
import { clientVariable } from "../src/cli/settings.ts";

const page = "docs/cli.md";
const [output = page] = process.argv.slice(2);
const text = readFileSync(page, "utf8");
writeFileSync(
  output,
  [
    ["exit codes", exitCodeTable()],
    ["flags of all commands", globalFlagTable()],
    ["commands", Object.entries(commands).map(commandSection).join("\n")],
  ].reduce((written, [name, part]) => replacePart(written, name as string, part as string), text),
);

function replacePart(whole: string, name: string, part: string): string {
  const marks = new RegExp(
    `(?<=<!-- ${name}: npm run generate writes this -->\n)[^]*?(?=<!-- end of ${name} -->)`,
  );
  if (!marks.test(whole)) throw new Error(`${page} has no marks for ${name}`);
  return whole.replace(marks, () => `\n${part}\n`);
}

function exitCodeTable(): string {
  const rows = Object.values(exitCodes).map(({ code, meaning }) => `| ${code} | ${meaning} |\n`);
  return `| exit code | meaning |\n| --- | --- |\n${rows.join("")}`;
}

function globalFlagTable(): string {
  const rows = Object.entries<Flags[string]>(globalFlags).map(([name, flag]) => {
    const variable = name === "help" ? "" : `\`${clientVariable(name)}\``;
    return `| \`${flagUsage(name, flag)}\` | ${variable} | ${toCell(flag.text)} |\n`;
  });
  return `| flag | variable | meaning |\n| --- | --- | --- |\n${rows.join("")}`;
}

function commandSection([name, spec]: [string, CommandSpec]): string {
  const usage = `duetkv ${name} ${spec.usage}`.trimEnd();
  const { summary, details } = spec;
  const flags = Object.entries(spec.flags).map(
    ([flag, each]) => `| \`${flagUsage(flag, each)}\` | ${toCell(each.text)} |\n`,
  );
  return [
    `### ${name}\n`,
    `\`${usage}\`: ${summary}.${details === "" ? "" : `\n\n${wrap(details)}`}\n`,
    ...(flags.length === 0 ? [] : [`| flag | meaning |\n| --- | --- |\n${flags.join("")}`]),
    `\`\`\`sh\n${spec.examples.join("\n")}\n\`\`\`\n`,
  ].join("\n");
}

function toCell(cell: string): string {
  return cell.replaceAll("|", "\\|");
}

function wrap(sentences: string): string {
  return sentences.replace(/(.{1,118})(?: |$)/g, "$1\n").trimEnd();
}
