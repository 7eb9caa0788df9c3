import fc from "fast-check";

/** The seed of this run: SEED from the environment, or a new one. Tests print it, so that a failure can be repeated. */
export const seed = Number(process.env["SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Scales the work of slow proofs: ROUNDS from the environment, or 1. */
export const rounds = Number(process.env["ROUNDS"] ?? 1);

/** Proofs of every case take each `stride`-th, from one on that the seed decides; with 8 rounds they take all. */
export const stride = Math.max(1, Math.floor(8 / rounds));

export interface Random {
  /** A whole number from 0 to `below - 1`; `below` is at most 2^31. */
  below(below: number): number;
  chance(probability: number): boolean;
  pick<T>(items: readonly T[]): T;
}

/** Random numbers of fast-check's generator, the same on every machine for the same seed. */
export function createRandom(start: number): Random {
  const [numbers] = fc.sample(fc.infiniteStream(fc.noBias(fc.nat()), { noHistory: true }), {
    seed: start,
    numRuns: 1,
  });
  const next = () => (numbers?.next().value as number) / 2 ** 31;
  return {
    below: (below) => Math.floor(next() * below),
    chance: (probability) => next() < probability,
    pick: (items) => items[Math.floor(next() * items.length)] as (typeof items)[number],
  };
}
