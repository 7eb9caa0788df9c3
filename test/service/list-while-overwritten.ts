import { expect } from "vitest";
import { startServing } from "./serving.ts";

/** Lists `count` keys while each is overwritten. Asserts that the list has each once, all at the revision of the first page. */
export async function listWhileOverwritten(count: number): Promise<void> {
  const { client, database } = await startServing({ watchHistoryBytesMax: 128 * 1024 * 1024 });
  const keys = Array.from({ length: count }, (_, index) => String(index).padStart(6, "0"));
  const writeAll = async (value: string) => {
    for (let start = 0; start < count; start += 10_000) {
      const mutations = keys
        .slice(start, start + 10_000)
        .map((key) => ({ type: "put", key, value, ttlMs: 0 }) as const);
      await Promise.all(
        mutations.map((mutation) =>
          database.commit({ checks: [], mutations: [mutation], requestId: undefined }),
        ),
      );
    }
  };
  await writeAll("old");
  const revision = BigInt(database.revision);
  const overwriting = writeAll("new");
  const listed: string[] = [];
  let pageToken = "";
  do {
    const page = await client.list({ pageToken });
    expect(page.revision).toBe(revision);
    expect(page.entries.every(({ value }) => value === "old")).toBe(true);
    listed.push(...page.entries.map(({ key }) => key));
    pageToken = page.nextPageToken;
    if (listed.length === count / 2) await overwriting;
  } while (pageToken !== "");
  expect(listed).toEqual(keys);
}
