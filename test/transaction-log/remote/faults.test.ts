import { expect, it } from "vitest";
import { createRandom, seed } from "../../support/random.ts";
import { surviveFaults } from "./fault-suite.ts";

it(`loses nothing and doubles nothing while the engine fails at random (SEED=${seed})`, async () => {
  const random = createRandom(seed);
  const { acknowledged } = await surviveFaults(random, seed, 25);
  expect(acknowledged).toBeGreaterThan(0);
});
