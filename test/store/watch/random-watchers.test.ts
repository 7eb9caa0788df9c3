import { test } from "vitest";
import { seed } from "../../support/random.ts";
import { watchRandomOperations } from "./random-watchers.ts";

test(`watchers see what happened in 1,000 random operations (seed ${seed})`, () =>
  watchRandomOperations(1_000));
