import { once } from "node:events";
import { connect, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { replaceStreamTable, StreamTable } from "../../src/wire/stream-table.ts";

const sorted = (map: Map<number, string>) => [...map].toSorted(([a], [b]) => a - b);

test("does what a Map does, with any numbers", () => {
  // Close to each other, one round of the table apart, and far away.
  const number = fc.oneof(
    fc.integer({ min: 1, max: 200 }),
    fc.integer({ min: 0, max: 20 }).map((round) => 128 * round + 1),
    fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  );
  const step = fc.tuple(fc.constantFrom("set", "set", "delete", "get"), number);
  fc.assert(
    fc.property(fc.array(step, { minLength: 200, maxLength: 400 }), (steps) => {
      const [table, map] = [new StreamTable<string>(), new Map<number, string>()];
      for (const [index, [kind, key]] of steps.entries()) {
        if (kind === "set") for (const each of [table, map]) each.set(key, `${index}`);
        else if (kind === "delete") expect(table.delete(key)).toBe(map.delete(key));
        expect(table.get(key)).toBe(map.get(key));
        expect(table.has(key)).toBe(map.has(key));
        expect(table.size).toBe(map.size);
      }
      expect(sorted(table)).toEqual(sorted(map));
      expect(new Set(table.keys())).toEqual(new Set(map.keys()));
      expect(new Set(table.values())).toEqual(new Set(map.values()));
    }),
  );
});

test("visits what there was at the beginning, also when it is deleted meanwhile", () => {
  const table = new StreamTable<string>();
  for (let number = 1; number < 400; number += 2) table.set(number, `${number}`);
  const seen: string[] = [];
  table.forEach((stream, number) => {
    seen.push(stream);
    table.delete(number);
  });
  expect(seen).toHaveLength(200);
  expect(table.size).toBe(0);
});

test("an open stream costs no more however many others come and go", () => {
  const table = new StreamTable<string>().set(1, "open");
  for (let number = 3; number < 2_000_000; number += 2) {
    table.set(number, "short");
    table.delete(number);
  }
  expect(sorted(table)).toEqual([[1, "open"]]);
});

test("Node keeps a session's streams where they are looked for", async () => {
  const server = createServer().listen(0, "127.0.0.1");
  onTestFinished(() => void server.close());
  await once(server, "listening");
  const replaced: boolean[] = [];
  server.on("session", (session) => replaced.push(replaceStreamTable(session)));
  server.on("stream", (stream) => stream.respond({ ":status": 204 }, { endStream: true }));
  const client = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  onTestFinished(() => client.destroy());
  for (let call = 0; call < 200; call++) {
    const stream = client.request({ ":path": "/" });
    const [head] = await once(stream, "response");
    expect(head[":status"]).toBe(204);
    stream.resume();
    await once(stream, "close");
  }
  expect(replaced).toEqual([true]);
});
