import { expect, test } from "vitest";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { StreamTable } from "../../../src/wire/http2/stream-table.ts";
import { createRandom, seed } from "../../support/random.ts";
import { expectSame } from "../../support/same.ts";

test("random work on a table of streams equals that on a Map", () => {
  console.log(`SEED=${seed}`);
  const random = createRandom(seed);
  const table = new StreamTable();
  const expected = new Map<number, Stream>();
  let nextId = 1;
  // Far apart now and then, so that streams meet in their places.
  for (let step = 0; step < 50_000; step++) {
    if (random.chance(expected.size < 200 ? 0.52 : 0.45)) {
      nextId += 2 * random.pick([1, 1, 1, 16, 32, 64]);
      const stream = { id: nextId } as Stream;
      table.add(stream);
      expected.set(nextId, stream);
    } else if (expected.size > 0) {
      const stream = random.pick([...expected.values()]);
      table.remove(stream);
      expected.delete(stream.id);
    }
    const id = random.chance(0.5) ? random.below(nextId + 10) : random.pick([...expected.keys(), 1]);
    if (table.get(id) !== expected.get(id)) throw new Error(`step ${step} of SEED=${seed}: stream ${id}`);
    expectSame(table.size, expected.size);
  }
  expect(new Set(table.all())).toEqual(new Set(expected.values()));
});
