import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import type { Entry, ListRequestSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import { compareUtf8 } from "../store/unicode-keys.ts";
import { createRandom, seed } from "../support/random.ts";
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
  const serving = startServing();
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
  for (let round = 0; round < 60; round++) {
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

test("a page ends before it is too large, and has one entry at least", async () => {
  const serving = startServing({ pageBytesMax: 3000 });
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
  const { client } = startServing();
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
  const { client } = startServing();
  for (const key of ["a", "b", "c"]) await client.put({ key });
  const { count, entries, revision } = await client.list({ start: "b", countOnly: true, pageSize: 1 });
  expect([count, entries, revision]).toEqual([2n, [], 3n]);
  expect((await client.list({ start: "c", end: "a", countOnly: true })).count).toBe(0n);
});
