import { expect, test } from "vitest";
import type { Client } from "../../../src/cli/client/client.ts";
import { BatchWriter } from "../../../src/cli/import/batch-writer.ts";
import { createRandom, seed } from "../../support/random.ts";

/** The limit of a server for one request. */
const requestBytesMax = 4 * 1024 * 1024;
/** The limit of a server for one value. */
const valueBytesMax = 1024 * 1024;

/** Stores what is written, and refuses what is too large. */
class FakeClient {
  readonly stored = new Map<string, string | undefined>();
  commits = 0;
  alone = 0;

  async write(_method: string, request: { readonly mutations: readonly { readonly put: Put }[] }) {
    expect(Buffer.byteLength(JSON.stringify(request))).toBeLessThan(requestBytesMax);
    this.commits++;
    for (const { put } of request.mutations) this.stored.set(put.key, put.value ?? put.bytesValue);
    return { results: request.mutations.map(() => ({ entry: {}, deleted: false })) };
  }

  async put({ key, value, bytesValue }: Put) {
    this.alone++;
    this.stored.set(key, value ?? bytesValue);
    return { revision: "1" };
  }
}

interface Put {
  readonly key: string;
  readonly value?: string;
  readonly bytesValue?: string;
}

test(`no request is larger than the limit, whatever takes more bytes in JSON (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const client = new FakeClient();
  const writer = new BatchWriter(client as unknown as Client, 500, false);
  const expected = new Map<string, string>();
  // In JSON 1, 2, 6, and 3 bytes for 1, 1, 1 and 3 of UTF-8.
  const characters = ["x", '"', "\0", "漢"];
  for (let index = 0; index < 60; index++) {
    const character = random.pick(characters);
    const length = random.below(valueBytesMax / Buffer.byteLength(character)) + 1;
    const [key, value] = [`key ${index}`, character.repeat(length)];
    expected.set(key, value);
    await writer.putEntry(key, { key, value });
  }
  for (const bytes of [10, valueBytesMax]) {
    const [key, bytesValue] = [`bytes ${bytes}`, Buffer.alloc(bytes, 7).toString("base64")];
    expected.set(key, bytesValue);
    await writer.putEntry(key, { key, bytesValue });
  }
  await writer.flush();
  expect(client.stored).toEqual(expected);
  expect([writer.put, writer.skipped]).toEqual([62, 0]);
});

test("small entries share commits, and no value that fits is sent alone", async () => {
  const client = new FakeClient();
  const writer = new BatchWriter(client as unknown as Client, 500, false);
  for (let index = 0; index < 1000; index++) await writer.putEntry(`${index}`, { key: "", value: "x" });
  await writer.putEntry("large", { key: "", value: "x".repeat(valueBytesMax) });
  await writer.flush();
  expect([client.commits, client.alone, writer.put]).toEqual([3, 0, 1001]);
});
