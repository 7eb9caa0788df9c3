import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ImportState } from "../../../src/cli/import/import-state.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const target = { storeId: "store", prefix: "a/", toPrefix: "b/" };
const entries = ["a/1", "a/2", "a/3"].map((key) => ({ key, value: "x" }));

async function saveState(): Promise<string> {
  const path = join(await temporaryDirectory(), "state");
  const state = new ImportState(path, target);
  expect(entries.map((entry) => state.isStored(entry))).toEqual([false, false, false]);
  state.save();
  return path;
}

test("a state counts the entries that are stored, and goes with the end of the import", async () => {
  const path = await saveState();
  const state = new ImportState(path, target);
  expect([...entries, { key: "a/4" }].map((entry) => state.isStored(entry))).toEqual([
    true,
    true,
    true,
    false,
  ]);
  state.finish();
  expect(existsSync(path)).toBe(false);
});

test("refuses the state of an export with more entries", async () => {
  const path = await saveState();
  const state = new ImportState(path, target);
  state.isStored({ key: "other", value: "x" });
  expect(() => state.finish()).toThrow("is the state of another import");
  expect(existsSync(path)).toBe(true);
});

test.each([{ storeId: "other" }, { prefix: "" }, { toPrefix: "" }])(
  "refuses a state of another target: %j",
  async (other) => {
    const state = new ImportState(await saveState(), { ...target, ...other });
    expect(() => entries.map((entry) => state.isStored(entry))).toThrow("is the state of another import");
  },
);
