import { expect, test } from "vitest";
import { IndexedField, ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import { createRandom, type Random, rounds, seed } from "../../support/random.ts";
import { openSession, request } from "./http2-client.ts";

import { serveHttp2 } from "./serve-http2.ts";

const blocks = 100 * rounds;
const names = ["content-type", "user-agent", "authorization", "x-a", "x-b", "x-trace", "etag", "accept"];

function randomText(random: Random, lengthMax: number): string {
  const bytes = Array.from({ length: random.below(lengthMax) }, () => 0x21 + random.below(0x5e));
  return random.pick([
    String.fromCharCode(...bytes),
    "short",
    "again and again",
    "v".repeat(random.below(lengthMax)),
  ]);
}

/** Few names and values, so that they recur, and some long ones, so that tables overflow. */
function randomHeaders(random: Random): Record<string, string> {
  const count = random.below(names.length);
  const name = () => (random.chance(0.8) ? random.pick(names) : `x-${random.below(500)}`);
  return Object.fromEntries(
    Array.from({ length: count }, () => [name(), randomText(random, random.pick([10, 10, 200, 3000]))]),
  );
}

// nghttp2, which is in node:http2, is the other implementation: it encodes with Huffman, indexing and table size updates.
test.each([0, 100, 4096, 65_536])(
  "node:http2 and ours understand each other's blocks (table of %i bytes)",
  async (headerTableSize) => {
    console.log(`SEED=${seed}`);
    const random = createRandom(seed);
    const received: string[][] = [];
    const known = Array.from({ length: 40 }, (_, id) => ({ [`x-known-${id}`]: randomText(random, 150) }));
    const templates = known.map((fields, index) => ({
      fields: { ...fields, ...known[(index * 7 + 3) % known.length] },
    }));
    const built = templates.map(({ fields }) =>
      ResponseHeaders.headers(200, fields as Record<string, string>),
    );
    const expected: Record<string, string>[] = [];
    const { port, errors } = await serveHttp2({
      onStream: (stream) => {
        received.push([...stream.headers.fields]);
        const index = random.below(templates.length);
        const more = randomHeaders(random);
        expected.push({ ...templates[index]?.fields, ...more });
        stream.respondAndEnd(built[index] as ResponseHeaders, Object.entries(more).flat());
      },
    });
    const session = openSession(port, { settings: { headerTableSize }, maxHeaderListPairs: 1000 });
    for (let count = 0; count < blocks; count++) {
      const sent = randomHeaders(random);
      const response = await request(session, sent);
      expect(received.at(-1)).toEqual(Object.entries(sent).flat());
      expect(response.headers).toMatchObject(expected.at(-1) as Record<string, string>);
    }
    expect(errors).toEqual([]);
  },
);

test("an indexed field that is in the static table takes one byte", () => {
  expect(new IndexedField(":status", "404").staticIndex).toBe(13);
});
