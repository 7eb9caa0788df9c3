import { DuetError } from "./errors.ts";
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
    await deleteKeys(kv, deleted);
  };
  for await (const key of kv.keys(range, { reverse })) {
    if (left-- <= 0) break;
    keys.push(key);
    if (keys.length === keysMax) await flush();
  }
  await flush();
}

async function deleteKeys<T>(kv: Kv<T>, keys: readonly string[]): Promise<void> {
  if (keys.length === 0) return;
  try {
    await kv.commit((batch) => {
      for (const key of keys) batch.delete(key);
    });
  } catch (error) {
    if (keys.length < 2 || !(error instanceof DuetError) || error.reason !== "TOO_MANY_OPERATIONS")
      throw error;
    const half = Math.ceil(keys.length / 2);
    await deleteKeys(kv, keys.slice(0, half));
    await deleteKeys(kv, keys.slice(half));
  }
}
