import { test } from "vitest";
import { seed } from "../support/random.ts";
import { raceForKeys } from "./compare-and-swap.ts";
import { transferOverKills } from "./transfers.ts";

test(`of all that compare and swap in 8 races one wins each, in every protocol (seed ${seed})`, () =>
  raceForKeys(8));

test(`a commit happens as a whole or not at all, killed twice in between (seed ${seed})`, () =>
  transferOverKills(2));
