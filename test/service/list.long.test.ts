import { test } from "vitest";
import { listWhileOverwritten } from "./list-while-overwritten.ts";

test("a list of 100,000 keys that are overwritten meanwhile has each once, all at one revision", () =>
  listWhileOverwritten(100_000));
