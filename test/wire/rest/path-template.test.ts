import { describe, expect, test } from "vitest";
import { parsePathTemplate } from "../../../src/wire/rest/path-template.ts";
import { RouteTree } from "../../../src/wire/rest/route-tree.ts";

describe("a path template", () => {
  test.each([
    ["/v1/key", "v1 key", ""],
    ["/v1/key:watch", "v1 key", "watch"],
    ["/v1/*/b", "v1 one b", ""],
    ["/v1/**", "v1 rest", ""],
    ["/v1/**:purge", "v1 rest", "purge"],
  ])("%s has its segments and its verb", (text, segments, verb) => {
    const template = parsePathTemplate(text);
    expect(template.segments.map((s) => (s.kind === "literal" ? s.text : s.kind)).join(" ")).toBe(segments);
    expect(template.verb).toBe(verb);
  });

  test("binds variables to one, several and all segments, nested fields too", () => {
    expect(parsePathTemplate("/v1/{a}/x/{b.c=shelves/*/books/*}/{d=**}:go").variables).toEqual([
      { fieldPath: "a", from: 1, to: 2 },
      { fieldPath: "b.c", from: 3, to: 7 },
      { fieldPath: "d", from: 7, to: 8 },
    ]);
  });

  test.each([
    "",
    "v1",
    "/",
    "/v1/",
    "/v1//a",
    "/{a",
    "/{}",
    "/{a=}",
    "/{a={b}}",
    "/**/a",
    "/a:",
    "/a:b:c",
    "/a?b",
    "/a}",
  ])("%j is refused", (text) => expect(() => parsePathTemplate(text)).toThrow(/path template .* expected/));
});

describe("a route", () => {
  const routes = [
    "/v1/key",
    "/v1/key:watch",
    "/v1/key/{key=**}",
    "/v1/key/{key=**}:undelete",
    "/v1/*/fixed",
    "/v1/shelves/{shelf}",
    "/v1/shelves/{shelf}/books/{book}",
    "/v1/shelves/new",
    "/{any=**}",
  ];
  const tree = new RouteTree<string>();
  for (const route of routes) tree.add("GET", parsePathTemplate(route), route);

  test.each([
    ["/v1/key", "/v1/key"],
    ["/v1/key:watch", "/v1/key:watch"],
    ["/v1/key/", "/v1/key/{key=**}"],
    ["/v1/key//", "/v1/key/{key=**}"],
    ["/v1/key/a/b", "/v1/key/{key=**}"],
    ["/v1/key/:watch", "/v1/key/{key=**}"],
    ["/v1/key/a:watch", "/v1/key/{key=**}"],
    ["/v1/key/a/b:undelete", "/v1/key/{key=**}:undelete"],
    ["/v1/key/a:undelete/b", "/v1/key/{key=**}"],
    ["/v1/key/a:", "/v1/key/{key=**}"],
    ["/v1/other/fixed", "/v1/*/fixed"],
    ["/v1/shelves/new", "/v1/shelves/new"],
    ["/v1/shelves/old", "/v1/shelves/{shelf}"],
    ["/v1/shelves/new/books/1", "/v1/shelves/{shelf}/books/{book}"],
    ["/v1/shelves/fixed", "/v1/shelves/{shelf}"],
    ["/v1/shelves/", "/{any=**}"],
    ["/v1/shelves/a/books/", "/{any=**}"],
    ["/", "/{any=**}"],
    ["/v1/key:nothing", "/{any=**}"],
    ["/v1/key:", "/{any=**}"],
  ])("%s leads to %s", (path, route) => expect(tree.find("GET", path)?.route).toBe(route));

  test("is none for a path without a slash", () => expect(tree.find("GET", "*")).toBeUndefined());

  test("tells where the segments begin, also after going back", () => {
    const match = tree.find("GET", "/v1/shelves/new/books/1");
    expect(match?.starts).toEqual([1, 4, 12, 16, 22]);
  });

  test("goes to the method asked for, though another template fits the path better", () => {
    const two = new RouteTree<string>();
    two.add("POST", parsePathTemplate("/a/b"), "literal");
    two.add("GET", parsePathTemplate("/a/{x}"), "variable");
    two.add("*", parsePathTemplate("/any"), "any");
    expect(two.find("GET", "/a/b")?.route).toBe("variable");
    expect(two.find("HEAD", "/a/b")?.route).toBe("variable");
    expect(two.find("PUT", "/a/b")).toBeUndefined();
    expect(two.methodsOf("/a/b")).toEqual(["GET", "HEAD", "POST"]);
    expect(two.methodsOf("/b")).toEqual([]);
    expect(two.find("BREW", "/any")?.route).toBe("any");
  });

  test("is refused when its place is taken", () => {
    expect(() => tree.add("GET", parsePathTemplate("/v1/shelves/{other}"), "x")).toThrow("two routes");
  });
});
