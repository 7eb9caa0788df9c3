import { test } from "vitest";
import { rounds, seed } from "../../support/random.ts";
import { runFragmentation } from "./fragmentation.ts";
import { keyPatterns, runRandomOperations } from "./random-operations.ts";

test.each(keyPatterns)(`holds what the store holds, with many keys $name (seed ${seed})`, (pattern) => {
  for (let round = 0; round < rounds; round++) {
    runRandomOperations(seed + round, pattern, 8000, {});
    runRandomOperations(seed + round, pattern, 8000, { isExclusive: true });
  }
});

test(`memory stays compact under overwrites of shifting sizes (seed ${seed})`, () => {
  for (let round = 0; round < rounds; round++) {
    for (const line of runFragmentation(seed + round, 100_000)) console.info(line);
  }
});
