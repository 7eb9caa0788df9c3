import type { Kv, Range } from "./kv.ts";

/** Fewer than a commit may have. */
const keysMax = 500;

/** Deletes the keys of a range, in several commits. Keys that others put meanwhile may stay. */
export async function deleteRange<T>(
  kv: Kv<T>,
  range: Range,
  options: { readonly reverse?: boolean; readonly limit?: number } = {},
): Promise<void> {
  const { reverse = false, limit = Number.POSITIVE_INFINITY } = options;
  let left = limit;
  let keys: string[] = [];
  const flush = async (): Promise<void> => {
    const deleted = keys;
    keys = [];
    if (deleted.length === 0) return;
    await kv.commit((batch) => {
      for (const key of deleted) batch.delete(key);
    });
  };
  for await (const key of kv.keys(range, { reverse })) {
    if (left-- <= 0) break;
    keys.push(key);
    if (keys.length === keysMax) await flush();
  }
  await flush();
}
