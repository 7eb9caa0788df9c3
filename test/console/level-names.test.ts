import { expect, test } from "vitest";
import { type LevelNames, withChanges, withPage } from "../../console/src/parts/level-names.ts";

const time = new Date(0);
const level = (names: string[], isWhole: boolean): LevelNames => ({ names, marks: new Map(), isWhole });

function change(type: "put" | "delete", key: string) {
  return { type, key, revision: 1, time, expired: false, bytes: undefined, preview: "" };
}

test("a new name is inserted in the order of the store, as far as names are loaded", () => {
  const changes = [
    change("put", "p/b"),
    change("put", "p/z/x"),
    change("put", "p/\u{1f600}"),
    change("put", "p/\uffee"),
  ];
  expect(withChanges(level(["p/a", "p/c"], true), "p/", changes).names).toEqual([
    "p/a",
    "p/b",
    "p/c",
    "p/z/",
    "p/\uffee",
    "p/\u{1f600}",
  ]);
  const partly = withChanges(level(["p/a", "p/c"], false), "p/", changes);
  expect(partly.names).toEqual(["p/a", "p/b", "p/c"]);
});

test("a deleted key stays and is marked; a level of which a key is deleted has changed", () => {
  const before = level(["p/a", "p/d/"], true);
  const { names, marks } = withChanges(before, "p/", [change("delete", "p/a"), change("delete", "p/d/x")]);
  expect(names).toEqual(before.names);
  expect(marks).toEqual(
    new Map([
      ["p/a", { type: "delete", time }],
      ["p/d/", { type: "put", time }],
    ]),
  );
});

test("changes while pages are loaded hold, whatever the pages still tell", () => {
  const nothing = level([], false);
  const during = withChanges(nothing, "p/", [
    change("put", "p/b"),
    change("delete", "p/c"),
    change("put", "p/z"),
  ]);
  const first = withPage(during, ["p/a", "p/c"], false);
  expect(first.names).toEqual(["p/a", "p/b", "p/c"]);
  expect(first.marks.get("p/c")?.type).toBe("delete");
  const beyond = withChanges(first, "p/", [
    change("put", "p/y"),
    change("put", "p/x"),
    change("delete", "p/x"),
  ]);
  expect(beyond.names).toEqual(first.names);
  const whole = withPage(beyond, ["p/w"], true);
  expect(whole.names).toEqual(["p/a", "p/b", "p/c", "p/w", "p/y", "p/z"]);
});
