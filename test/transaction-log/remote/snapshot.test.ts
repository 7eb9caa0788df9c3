import { describe, expect, it, onTestFinished } from "vitest";
import { encodeRequestRecord } from "../../../src/transaction-log/codec/request-record.ts";
import { MemoryLogEngine } from "../../support/memory-log-engine.ts";
import { seed } from "../../support/random.ts";
import { put, readAll, requestId, retaining, simples, transaction } from "../log-model.ts";
import { openLogger } from "./loggers.ts";

it("puts request records and texts that are not ASCII into pieces that fit into a message", async () => {
  const engine = new MemoryLogEngine(seed);
  const log = await openLogger(engine, { messageBytesMax: 300 * 1024 });
  onTestFinished(() => log.close());
  const transactions = Array.from({ length: 5_000 }, (_, index) => {
    const request = encodeRequestRecord({
      id: requestId(2 ** 40 + index),
      digest: new Uint8Array(16),
      results: Array.from({ length: 2 }, () => ({
        entry: { revision: index + 1, createRevision: 1, version: 1, updateTime: 2 ** 40, expireTime: 0 },
        deleted: false,
      })),
    });
    const events = index % 50 === 0 ? [put(`key ${index}`, "€".repeat(3_000))] : [];
    return { ...transaction(index + 1, ...events), request };
  });
  for (let basis = 0; basis < 5_000; basis += 500) {
    await log.append(basis, transactions.slice(basis, basis + 500));
  }
  await log.compact(retaining(5_000, transactions));
  expect(log.horizon).toBe(5_000);
  expect(await readAll(log)).toEqual(transactions);
});

describe("a damaged snapshot", () => {
  async function compacted() {
    const engine = new MemoryLogEngine(seed);
    const log = await openLogger(engine);
    onTestFinished(() => log.close());
    const large = simples(1, 40).map((each) =>
      transaction(each.sequence, put(`key ${each.sequence}`, "x".repeat(100_000))),
    );
    for (let basis = 0; basis < 40; basis += 10) await log.append(basis, large.slice(basis, basis + 10));
    await log.compact(retaining(40, large));
    const [[snapshot, pieces] = ["", []]] = engine.pieces;
    expect(pieces.length).toBeGreaterThan(10);
    return { engine, log, large, snapshot, pieces: pieces.length };
  }

  it.each(["lost", "flipped"] as const)("is read from the copies that are whole: %s", async (how) => {
    const { engine, log, large, snapshot, pieces } = await compacted();
    // No copy is whole, and each piece is whole in one of them.
    for (let piece = 1; piece <= pieces; piece++) {
      for (const copy of [0, 1, 2]) {
        if (copy !== piece % 3) engine.damageCopy(copy, piece, how, snapshot);
      }
    }
    for (let reads = 0; reads < 2; reads++) expect(await readAll(log)).toEqual(large);
    await log.append(40, [transaction(41, put("key 1", "new"))]);
    await log.compact(retaining(41, [...large, transaction(41, put("key 1", "new"))]));
    expect(await readAll(log)).toHaveLength(40);
  });

  it("counts the damage of a copy of which the next read shows nothing", async () => {
    const { engine, log, large, snapshot } = await compacted();
    engine.damageCopy(1, 2, "lost", snapshot);
    const [driver] = [...engine.drivers];
    const read = driver!.readPieces.bind(driver);
    driver!.readPieces = (id, after, copy) => read(id, after, copy === "any" ? (after === 0 ? 1 : 0) : copy);
    expect(await readAll(log)).toEqual(large);
    expect(log.usage?.damagedReads).toBe(1);
  });

  it("is LOG_CORRUPT when a piece is whole in none of them", async () => {
    const { engine, log, snapshot } = await compacted();
    for (const copy of [0, 1, 2]) engine.damageCopy(copy, 2, "flipped", snapshot);
    await expect(readAll(log)).rejects.toMatchObject({
      reason: "LOG_CORRUPT",
      message: expect.stringMatching(/piece 2 of the snapshot.*one, two and three/),
    });
  });
});
