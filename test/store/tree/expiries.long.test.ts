import { test } from "vitest";
import { rounds, seed } from "../../support/random.ts";
import { runExpiries } from "./expiries.ts";

test(`finds the same expired entries as an ordered index among a million (seed ${seed})`, () => {
  for (let round = 0; round < rounds; round++) runExpiries(seed + round, 1_000_000, 1_000_000);
});
