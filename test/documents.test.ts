import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";

const root = new URL("../", import.meta.url).pathname;
const pages = globSync(["*.md", "{docs,bench,deploy,examples}/**/*.md"], {
  cwd: root,
  exclude: ["**/node_modules"],
});

/** A page without its blocks of code. */
function proseOf(page: string): string {
  return readFileSync(join(root, page), "utf8").replace(/^```[^]*?^```$/gm, "");
}

/** The fragments of a page's headings, as GitHub makes them. */
function fragmentsOf(page: string): string[] {
  return [...proseOf(page).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

test.each(pages)("%s has no broken links", (page) => {
  const links = [...proseOf(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string);
  for (const link of links.filter((each) => !/^[a-z]+:/.test(each))) {
    const [path = "", fragment] = link.split("#");
    const target = path === "" ? page : join(dirname(page), path);
    expect(existsSync(join(root, target)) ? "" : link).toBe("");
    if (fragment !== undefined) expect(fragmentsOf(target)).toContain(fragment);
  }
});

test("docs/wire.md lists every reason for which a connection or a stream is ended", () => {
  const sources = ["src/wire/http2/end-reasons.ts", "src/wire/listener/http1/http1-connection.ts"];
  const reasons = sources.flatMap((source) =>
    [...readFileSync(join(root, source), "utf8").matchAll(/^ {2}\| "(\w+)"/gm)].map(([, reason]) => reason),
  );
  expect(reasons).toContain("peer_vanished");
  const page = proseOf("docs/wire.md");
  expect(reasons.filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
});

test.each(pages)("%s names files that exist", (page) => {
  const names = [
    ...proseOf(page).matchAll(/`((?:src|test|tools|bench|docs|deploy|examples|proto|gen)\/[\w./-]*)`/g),
  ];
  expect(names.map(([, name]) => name).filter((name) => !existsSync(join(root, name as string)))).toEqual([]);
});

test("the image has the version of the package wherever it is named", () => {
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string };
  const files = [
    ...pages.filter((page) => page !== "CHANGELOG.md"),
    ...globSync("deploy/*.yaml", { cwd: root }),
  ];
  const named = files.flatMap((file) =>
    [...readFileSync(join(root, file), "utf8").matchAll(/\bduetkv:(\d+\.\d+\.\d+)/g)].map(([, tag]) => tag),
  );
  expect(named.length).toBeGreaterThan(4);
  expect(new Set(named)).toEqual(new Set([version]));
});
