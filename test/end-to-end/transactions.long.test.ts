import { test } from "vitest";
import { rounds, seed } from "../support/random.ts";
import { raceForKeys } from "./compare-and-swap.ts";
import { transferOverKills } from "./transfers.ts";

const races = 1_000 * rounds;

test(`of all that compare and swap in ${races} races one wins each, in every protocol (seed ${seed})`, () =>
  raceForKeys(races));

const kills = 8 * rounds;

test(`a commit happens as a whole or not at all, killed ${kills} times in between (seed ${seed})`, () =>
  transferOverKills(kills));
