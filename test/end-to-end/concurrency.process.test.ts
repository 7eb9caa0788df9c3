import { test } from "vitest";
import { seed } from "../support/random.ts";
import { readAndWriteAtOnce } from "./concurrent-calls.ts";

test(`100 concurrent writers and readers see one history without gaps (seed ${seed})`, () =>
  readAndWriteAtOnce(50));
