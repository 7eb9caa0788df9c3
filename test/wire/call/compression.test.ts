import { gunzipSync, gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { Compression, type CompressionOwner } from "../../../src/wire/call/compression.ts";
import { ByteBudget, ConnectionBudget } from "../../../src/wire/http2/byte-budget.ts";
import { findErrorInfo } from "../../../src/wire/wire-error.ts";

interface Owner extends CompressionOwner {
  gone: boolean;
}

const bytesMax = 10_000;
const content = Buffer.alloc(bytesMax, "x");
const compressed = gzipSync(content);
const garbage = Buffer.alloc(100);

const createOwner = (connectionBytesMax = 1_000_000): Owner => ({
  budget: new ConnectionBudget(new ByteBudget(connectionBytesMax), connectionBytesMax),
  gone: false,
});

/** "ok", or the reason of the error. */
const outcome = (pending: Promise<Buffer>): Promise<string | undefined> =>
  pending.then(
    () => "ok",
    (error) => findErrorInfo(error)?.reason,
  );

describe("decompression", () => {
  test("costs a client that has left nothing while it waits", async () => {
    const compression = new Compression();
    const owner = createOwner();
    // Two run at once. Garbage that is looked at would be malformed.
    const pending = Array.from({ length: 100 }, () =>
      outcome(compression.decompress("gzip", garbage, bytesMax, owner)),
    );
    expect(owner.budget.used).toBe(100 * garbage.length);
    owner.gone = true;
    const outcomes = await Promise.all(pending);
    expect(outcomes.slice(0, 2)).toEqual(["REQUEST_MALFORMED", "REQUEST_MALFORMED"]);
    expect(new Set(outcomes.slice(2))).toEqual(new Set(["CLIENT_GONE"]));
    expect(owner.budget.used).toBe(0);
  });

  test("of one connection waits for one of another that has many", async () => {
    const compression = new Compression();
    const started: string[] = [];
    const createNoted = (name: string): CompressionOwner => ({
      budget: createOwner().budget,
      // Looked at when the turn comes.
      get gone() {
        started.push(name);
        return false;
      },
    });
    const greedy = createNoted("greedy");
    const start = (owner: CompressionOwner) => compression.decompress("gzip", compressed, bytesMax, owner);
    await Promise.all([...Array.from({ length: 20 }, () => start(greedy)), start(createNoted("modest"))]);
    // Two run at once; then it is the turn of each.
    expect(started.slice(0, 5)).toEqual(["greedy", "greedy", "greedy", "modest", "greedy"]);
  });

  test("is refused where its connection has no room, or 4,096 wait", async () => {
    const compression = new Compression();
    const poor = createOwner(compressed.length - 1);
    expect(await outcome(compression.decompress("gzip", compressed, bytesMax, poor))).toBe("OVERLOADED");
    const owner = createOwner();
    const pending = Array.from({ length: 2 + 4096 }, () =>
      outcome(compression.decompress("gzip", compressed, bytesMax, owner)),
    );
    expect(await outcome(compression.decompress("gzip", compressed, bytesMax, owner))).toBe("OVERLOADED");
    const other = outcome(compression.decompress("gzip", compressed, bytesMax, createOwner()));
    expect(await other).toBe("ok");
    owner.gone = true;
    await Promise.all(pending);
    expect(owner.budget.used).toBe(0);
  });

  test("reads a copy, for which the bytes may change", async () => {
    const compression = new Compression();
    const bytes = Buffer.from(compressed);
    const pending = compression.decompress("gzip", bytes, bytesMax, createOwner());
    bytes.fill(0);
    expect(await pending).toEqual(content);
  });
});

describe("compression", () => {
  test("is left out where 64 wait, where there is no room, and for a client that has left", async () => {
    const compression = new Compression();
    const owner = createOwner();
    const pending = Array.from({ length: 2 + 64 }, () => compression.compress("gzip", content, owner));
    expect(await compression.compress("gzip", content, owner)).toBeUndefined();
    expect(await compression.compress("gzip", content, createOwner(content.length - 1))).toBeUndefined();
    owner.gone = true;
    const results = await Promise.all(pending);
    expect(results.slice(0, 2).map((result) => gunzipSync(result as Buffer).length)).toEqual([
      bytesMax,
      bytesMax,
    ]);
    expect(results.slice(2)).toEqual(Array(64).fill(undefined));
    expect(owner.budget.used).toBe(0);
  });
});
