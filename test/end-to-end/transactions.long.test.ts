import { test } from "vitest";
import { rounds, seed } from "../support/random.ts";
import { raceForKeys } from "./compare-and-swap.ts";

const races = 1_000 * rounds;

test(`of all that compare and swap in ${races} races one wins each, in every protocol (seed ${seed})`, () =>
  raceForKeys(races));
