import { expect, it } from "vitest";
import { createRandom, rounds, seed } from "../../support/random.ts";
import { type Survived, surviveFaults } from "./fault-suite.ts";

it(`loses nothing and doubles nothing while the engine fails at random (SEED=${seed})`, async () => {
  const random = createRandom(seed);
  const all: Survived[] = [];
  for (let round = 0; round < 10 * rounds; round++) all.push(await surviveFaults(random, seed + round, 25));
  // All of it has happened.
  for (const what of Object.keys(all[0] as Survived) as (keyof Survived)[]) {
    const sum = all.reduce((total, one) => total + one[what], 0);
    console.log(`${what}: ${sum}`);
    expect(sum).toBeGreaterThan(0);
  }
});
