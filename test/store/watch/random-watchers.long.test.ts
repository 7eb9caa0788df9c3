import { test } from "vitest";
import { rounds, seed } from "../../support/random.ts";
import { watchRandomOperations } from "./random-watchers.ts";

const operations = 12_000 * rounds;

test(`watchers see what happened in ${operations} random operations (seed ${seed})`, () =>
  watchRandomOperations(operations));
