// Writes the table of error reasons to docs/api.md, between its marks: node tools/generate-reasons.ts [OUTPUT]
import { readFileSync, writeFileSync } from "node:fs";
import { type ReasonDescription, reasons } from "../src/reasons.ts";
import { failureFor } from "./openapi/errors.ts";

const page = "docs/api.md";
const [output = page] = process.argv.slice(2);
const marks = /(?<=<!-- reasons: npm run generate writes this table -->\n)[^]*?(?=<!-- end of reasons -->)/;

const text = readFileSync(page, "utf8");
if (!marks.test(text)) throw new Error(`${page} has no marks for the table of reasons`);
writeFileSync(
  output,
  text.replace(marks, () => `\n${table()}\n`),
);

function table(): string {
  const rows = Object.entries<ReasonDescription>(reasons)
    // Other internal errors are sent as INTERNAL.
    .filter(([reason, { code }]) => code !== "internal" || reason === "INTERNAL")
    .map(([reason, { code, meaning, metadata = [] }]) => {
      const { status } = failureFor(reason as keyof typeof reasons);
      const names = metadata.map((name) => `\`${name}\``).join(", ");
      return `| \`${reason}\` | \`${code}\` | ${status} | ${meaning} | ${names} |\n`;
    });
  return `| reason | code | REST | meaning | metadata |\n| --- | --- | --- | --- | --- |\n${rows.join("")}`;
}
