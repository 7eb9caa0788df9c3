import { test } from "vitest";
import { seed } from "../../support/random.ts";
import { runFragmentation } from "./fragmentation.ts";

test(`memory stays compact under overwrites of shifting sizes (seed ${seed})`, () => {
  runFragmentation(seed, 5000);
});
