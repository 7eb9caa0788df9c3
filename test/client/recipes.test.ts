import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, onTestFinished, test, vi } from "vitest";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const client = new URL("../../clients/typescript/", import.meta.url);
const readme = readFileSync(new URL("README.md", client), "utf8");
const [, recipesText = ""] = readme.split("## Recipes");
const recipes = [...recipesText.matchAll(/^### (.*)\n\n```ts\n([^]*?)^```$/gm)].map(
  ([, title, code]) => [title as string, code as string] as const,
);

/** Takes the sources in place of the package. */
function toModule(code: string): string {
  const path = code.replace(/"@duetkv\/client\/?(\w*)"/g, (_, entry) =>
    JSON.stringify(new URL(`src/${entry || "index"}.ts`, client).href),
  );
  const source = JSON.stringify(new URL("src/memory.ts", client).href);
  return `import { memory as openMemory } from ${source};\nconst client = openMemory();\n${path}`;
}

test("there are at least ten recipes", () => {
  expect(recipes.length).toBeGreaterThanOrEqual(10);
  expect(recipesText.match(/^```ts$/gm)).toHaveLength(recipes.length);
});

test.each(recipes)("%s", async (_title, code) => {
  const expected = [...code.matchAll(/console\.log\(.*\); \/\/ (.*)$/gm)].map(([, output]) => output);
  expect(expected.length).toBeGreaterThan(0);
  const file = join(await temporaryDirectory(), "recipe.ts");
  await writeFile(file, toModule(code));
  const log = vi.spyOn(console, "log").mockImplementation(() => {});
  onTestFinished(() => log.mockRestore());
  await import(pathToFileURL(file).href);
  expect(log.mock.calls.map((values) => values.join(" "))).toEqual(expected);
});
