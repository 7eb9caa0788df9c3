import type { MessageInitShape } from "@bufbuild/protobuf";
import { ConnectError } from "@connectrpc/connect";
import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { Entry, ListRequestSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { encodePageToken } from "../../src/service/page-token.ts";
import { compareUtf8 } from "../store/unicode-keys.ts";
import { createRandom, rounds, seed } from "../support/random.ts";
import { listWhileOverwritten } from "./list-while-overwritten.ts";
import { reasonOf, type Serving, startServing } from "./serving.ts";

type ListRequest = MessageInitShape<typeof ListRequestSchema>;

/** All pages; `between` is called before each but the first. */
async function listAll(
  { client }: Serving,
  request: ListRequest,
  between: () => Promise<unknown> = () => Promise.resolve(),
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let page = await client.list(request); ; ) {
    entries.push(...page.entries);
    if (page.nextPageToken === "") return entries;
    await between();
    page = await client.list({ ...request, pageToken: page.nextPageToken });
  }
}

test(`pages never repeat or skip a key that was there all along (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const serving = await startServing();
  const { client } = serving;
  const prefixes = ["a/", "a/b/", "\u{1f600}", "\uffff"];
  const names = Array.from({ length: 120 }, (_, index) => `${random.pick(prefixes)}${index}`);
  const lasting = names.filter((_, index) => index % 2 === 0);
  const fleeting = names.filter((_, index) => index % 2 === 1);
  for (const key of lasting) await client.put({ key });
  const disturb = async () => {
    const key = random.pick(fleeting);
    await (random.chance(0.5) ? client.put({ key }) : client.delete({ key }));
    await client.put({ key: random.pick(lasting), value: "again" });
  };
  for (let round = 0; round < 4 * rounds; round++) {
    const prefix = random.pick(["", ...prefixes]);
    const reverse = random.chance(0.5);
    const request = { prefix, reverse, pageSize: 1 + random.below(9), keysOnly: random.chance(0.5) };
    const listed = (await listAll(serving, request, disturb)).map(({ key }) => key);
    const ordered = listed.toSorted(compareUtf8);
    expect(listed).toEqual(reverse ? ordered.toReversed() : ordered);
    expect(new Set(listed).size).toBe(listed.length);
    expect(lasting.filter((key) => key.startsWith(prefix) && !listed.includes(key))).toEqual([]);
    expect(listed.every((key) => key.startsWith(prefix))).toBe(true);
  }
});

test("a forged page token reaches no key outside of the range of its request", async () => {
  const { client } = await startServing();
  for (const key of ["a", "m/1", "m/n/2", "z"]) await client.put({ key });
  for (const reverse of [false, true]) {
    for (const delimiter of ["", "/"]) {
      const request = { prefix: "m/", start: "", end: "", reverse, keysOnly: false, delimiter };
      const { prefix, start, end, keysOnly } = request;
      const identity = JSON.stringify([prefix, start, end, reverse, keysOnly, delimiter, "0"]);
      for (const lastKey of ["a", "z", "A/x", "zz/z/"]) {
        const pageToken = encodePageToken(identity, { revision: 4, lastKey });
        const { entries, prefixes } = await client.list({ ...request, pageToken });
        const names = [...entries.map(({ key }) => key), ...prefixes];
        expect(names.filter((name) => !name.startsWith("m/"))).toEqual([]);
      }
    }
  }
});

test("a forged page token does not tell where keys lie behind the name of a level", async () => {
  const { client } = await startServing();
  for (const key of ["m/n/2", "m/o"]) await client.put({ key });
  const request = { prefix: "m/", delimiter: "/" };
  const identity = JSON.stringify(["m/", "", "", false, false, "/", "0"]);
  for (const lastKey of ["m/n/1", "m/n/3"]) {
    const pageToken = encodePageToken(identity, { revision: 2, lastKey });
    expect((await client.list({ ...request, pageToken })).prefixes).toEqual([]);
  }
});

test("a page ends before it is too large, and has one entry at least", async () => {
  const serving = await startServing({ pageBytesMax: 3000 });
  for (const [key, length] of [
    ["a", 1000],
    ["b", 1000],
    ["c", 1000],
    ["d", 9000],
    ["e", 1],
  ] as const) {
    await serving.client.put({ key, value: "x".repeat(length) });
  }
  const pages: string[] = [];
  for (let pageToken = ""; ; ) {
    const page = await serving.client.list({ pageToken });
    pages.push(page.entries.map(({ key }) => key).join(""));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  expect(pages).toEqual(["ab", "c", "d", "e"]);
  expect((await serving.client.list({ keysOnly: true })).entries).toHaveLength(5);
});

test("a token belongs to its request, save the size of the page", async () => {
  const { client } = await startServing();
  for (const key of ["a1", "a2", "a3", "b"]) await client.put({ key });
  const { nextPageToken: pageToken } = await client.list({ prefix: "a", pageSize: 1 });
  const again = await client.list({ prefix: "a", pageSize: 5, pageToken });
  expect(again.entries.map(({ key }) => key)).toEqual(["a2", "a3"]);
  const others: ListRequest[] = [
    { prefix: "", pageToken },
    { prefix: "a", reverse: true, pageToken },
    { prefix: "a", keysOnly: true, pageToken },
    { start: "a", pageToken },
    { prefix: "a", pageToken: `${pageToken}A` },
    { prefix: "a", pageToken: pageToken.slice(1) },
    { prefix: "a", pageToken: "AAAA" },
    { prefix: "a", pageToken: "not a token" },
  ];
  for (const request of others) expect(await reasonOf(client.list(request))).toBe("PAGE_TOKEN_INVALID");
});

test("counts without listing", async () => {
  const { client } = await startServing();
  for (const key of ["a", "b", "c"]) await client.put({ key });
  const { count, entries, revision } = await client.list({ start: "b", countOnly: true, pageSize: 1 });
  expect([count, entries, revision]).toEqual([2n, [], 3n]);
  expect((await client.list({ start: "c", end: "a", countOnly: true })).count).toBe(0n);
});

test(`a level is what a plain sort and filter of all keys makes it, page by page (seed ${seed})`, async () => {
  const text = fc.string({
    unit: fc.constantFrom("a", "b", "/", "\uffee", "\u{1f600}"),
    minLength: 1,
    maxLength: 5,
  });
  const part = fc.string({ unit: fc.constantFrom("a", "/", "\u{1f600}"), maxLength: 2 });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(text, { maxLength: 25 }),
      fc.constantFrom("/", "a/", "\u{1f600}"),
      fc.oneof(fc.record({ prefix: part }), fc.record({ start: part, end: part })),
      fc.boolean(),
      fc.integer({ min: 1, max: 4 }),
      async (keys, delimiter, range, reverse, pageSize) => {
        const { client } = await startServing();
        for (const key of keys) await client.put({ key });
        const inRange = keys.filter((key) => contains(range, key)).toSorted(compareBytes);
        if (reverse) inRange.reverse();
        const from = "prefix" in range ? range.prefix.length : 0;
        const level = new Map(
          inRange.map((key) => {
            const index = key.indexOf(delimiter, from);
            return index === -1 ? [key, "key"] : [key.slice(0, index + delimiter.length), "prefix"];
          }),
        );
        const expected = [...level];
        let pageToken = "";
        do {
          const page = await client.list({ ...range, reverse, delimiter, pageSize, pageToken });
          const items = expected.splice(0, pageSize);
          const named = (kind: string) => items.flatMap(([item, its]) => (its === kind ? [item] : []));
          expect([page.entries.map(({ key }) => key), page.prefixes]).toEqual([
            named("key"),
            named("prefix"),
          ]);
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect(expected).toEqual([]);
      },
    ),
    { seed, numRuns: 15 * rounds },
  );
});

function compareBytes(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

/** Whether the key is in the range. An empty end means no end. */
function contains(range: { prefix: string } | { start: string; end: string }, key: string): boolean {
  if ("prefix" in range) return key.startsWith(range.prefix);
  return compareBytes(key, range.start) >= 0 && (range.end === "" || compareBytes(key, range.end) < 0);
}

test("one level of 10,000 keys below one prefix is one seek", async () => {
  const serving = await startServing();
  const { database } = serving;
  for (const key of ["a/", "b"]) await serving.client.put({ key });
  let scanned = 0;
  const scan = database.scan.bind(database);
  database.scan = function* counted(range, reverse) {
    for (const entry of scan(range, reverse)) {
      scanned++;
      yield entry;
    }
  };
  for (let index = 0; index < 10; index++) {
    const mutations = Array.from({ length: 1000 }, (_, each) => ({
      kind: { case: "put", value: { key: `a/${index * 1000 + each}` } } as const,
    }));
    await serving.client.commit({ mutations });
  }
  const { entries, prefixes } = await serving.client.list({ delimiter: "/" });
  expect([prefixes, entries.map(({ key }) => key), scanned]).toEqual([["a/"], ["b"], 2]);
});

test("pages continue at the current revision when the history no longer has the first one", async () => {
  const serving = await startServing({ watchHistoryEventsMax: 3 });
  const { client } = serving;
  for (const key of ["a", "b", "c", "d"]) await client.put({ key, value: "old" });
  const first = await client.list({ pageSize: 1 });
  await client.put({ key: "b", value: "new" });
  const second = await client.list({ pageSize: 1, pageToken: first.nextPageToken });
  expect(second).toMatchObject({ revision: 4n, entries: [{ key: "b", value: "old" }] });
  for (const key of ["c", "d", "a"]) await client.put({ key, value: "new" });
  const third = await client.list({ pageSize: 1, pageToken: second.nextPageToken });
  expect(third).toMatchObject({ revision: 8n, entries: [{ key: "c", value: "new" }] });
  await client.put({ key: "d", value: "newest" });
  const fourth = await client.list({ pageSize: 1, pageToken: third.nextPageToken });
  expect(fourth).toMatchObject({ revision: 8n, entries: [{ key: "d", value: "new" }], nextPageToken: "" });
});

test("refuses a revision before the history, with the oldest revision", async () => {
  const serving = await startServing({ watchHistoryEventsMax: 3 });
  const { client } = serving;
  for (let count = 0; count < 8; count++) await client.put({ key: `${count}` });
  const page = await client.list({ pageSize: 1, atRevision: 6n });
  expect(page).toMatchObject({ revision: 6n, entries: [{ key: "0" }] });
  await client.put({ key: "8" });
  await client.put({ key: "9" });
  const request = { pageSize: 1, atRevision: 6n, pageToken: page.nextPageToken };
  const calls = [
    client.list(request),
    client.get({ key: "0", atRevision: 6n }),
    client.batchGet({ keys: ["0"], atRevision: 6n }),
  ];
  for (const call of calls) {
    const [info] = ConnectError.from(await call.catch((error: unknown) => error)).findDetails(
      ErrorInfoSchema,
    );
    expect(info).toMatchObject({ reason: "REVISION_COMPACTED", metadata: { oldest_revision: "7" } });
  }
  expect((await client.list({ atRevision: 7n, countOnly: true })).count).toBe(7n);
  expect(await reasonOf(client.list({ ...request, atRevision: 7n }))).toBe("PAGE_TOKEN_INVALID");
});

test("a list of 10,000 keys that are overwritten meanwhile has each once, all at one revision", () =>
  listWhileOverwritten(10_000));
