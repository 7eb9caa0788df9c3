import { afterEach, describe, expect, it } from "vitest";
import { encodeRequestRecord } from "../../src/transaction-log/codec/request-record.ts";
import type {
  RequestRecord,
  Transaction,
  TransactionLogger,
} from "../../src/transaction-log/transaction-logger.ts";
import { createRandom, seed } from "../support/random.ts";
import { expectSame } from "../support/same.ts";
import { LogModel, put, readAll, requestId, retaining, simple, simples, transaction } from "./log-model.ts";

/** One place where a log lives. */
interface LogHarness {
  /** Opens the log there, with what was appended before; a new one at first. */
  open(): Promise<TransactionLogger>;
  /** Called after all that it opened was closed. Asserts that nothing is left over, and removes the place. */
  dispose(): Promise<void>;
}

export interface TransactionLoggerSuiteOptions {
  readonly name: string;
  /** A new, empty place. */
  readonly create: () => Promise<LogHarness>;
  /** False for logs that do not outlive `close`. */
  readonly lasts: boolean;
}

/** What every transaction logger must do, whatever it is made of. */
export function transactionLoggerSuite({ name, create, lasts }: TransactionLoggerSuiteOptions): void {
  // The timeout is far longer than it takes, so that a slow machine does not decide.
  describe(`${name}: the contract of a transaction logger`, { timeout: 120_000 }, () => {
    const harnesses: LogHarness[] = [];
    const opened: TransactionLogger[] = [];

    async function place() {
      const harness = await create();
      harnesses.push(harness);
      const open = async () => {
        const log = await harness.open();
        opened.push(log);
        return log;
      };
      let current = await open();
      return {
        get log() {
          return current;
        },
        async reopen() {
          if (!lasts) return current;
          await current.close();
          current = await open();
          return current;
        },
      };
    }

    afterEach(async () => {
      for (const log of opened.splice(0)) await log.close();
      for (const harness of harnesses.splice(0)) await harness.dispose();
    });

    it("is empty at first", async () => {
      const { log } = await place();
      expect(await log.latestSequence()).toBe(0);
      expect(log.horizon).toBe(0);
      expect(log.fault).toBeUndefined();
      expect(await readAll(log)).toEqual([]);
    });

    it("gives back what was appended, in order, also after it was reopened", async () => {
      const there = await place();
      const all = simples(1, 10);
      await there.log.append(0, all.slice(0, 1));
      await there.log.append(1, all.slice(1, 7));
      await there.log.append(7, all.slice(7));
      expect(await there.log.latestSequence()).toBe(10);
      expect(await readAll(there.log)).toEqual(all);
      const reopened = await there.reopen();
      expect(await reopened.latestSequence()).toBe(10);
      expect(await readAll(reopened)).toEqual(all);
      await reopened.append(10, [simple(11)]);
      expect(await readAll(await there.reopen())).toEqual([...all, simple(11)]);
    });

    it("reads after any sequence", async () => {
      const { log } = await place();
      const all = simples(1, 9);
      for (let index = 0; index < 9; index += 3) await log.append(index, all.slice(index, index + 3));
      for (let after = 0; after <= 10; after++) expect(await readAll(log, after)).toEqual(all.slice(after));
    });

    it("resolves with a conflict, and writes nothing, when an append is not at the end", async () => {
      const { log } = await place();
      const conflictAt = (latest: number) => {
        return { appended: false, latest: expect.toBeOneOf([latest, undefined]) };
      };
      expect(await log.append(1, [simple(2)])).toEqual(conflictAt(0));
      expect(await log.append(0, simples(1, 2))).toEqual({ appended: true });
      expect(await log.append(0, [simple(1)])).toEqual(conflictAt(2));
      expect(await log.append(1, [simple(2)])).toEqual(conflictAt(2));
      expect(await log.append(3, [simple(4)])).toEqual(conflictAt(2));
      expect(await readAll(log)).toEqual(simples(1, 2));
      expect(await log.append(2, [simple(3)])).toEqual({ appended: true });
      expect(await readAll(log)).toEqual(simples(1, 3));
    });

    const big = Number.MAX_SAFE_INTEGER;
    const everyByte = new Uint8Array(256).map((_, index) => index);
    const cases: readonly (readonly [string, Omit<Transaction, "sequence" | "request">])[] = [
      ["an empty text", { time: 1, events: [put("k", "")] }],
      ["no bytes", { time: 1, events: [put("k", new Uint8Array())] }],
      ["every byte", { time: 1, events: [put("k", everyByte)] }],
      ["text of every width", { time: 1, events: [put("clé 鍵 🗝 \t\n", "a é 鍵 🗝 \u0000 \uffff")] }],
      ["names of Object", { time: 1, events: [put("__proto__", "constructor")] }],
      ["text at the edge of its length", { time: 1, events: [put("k", "x".repeat(127) + "é".repeat(42))] }],
      ["wide text of 1,024 bytes as key", { time: 1, events: [put("é".repeat(512), "v")] }],
      ["1 MiB of text", { time: 1, events: [put("k", "0123456789abcdé".repeat(65_536))] }],
      ["1 MiB of bytes", { time: 1, events: [put("k", new Uint8Array(1024 * 1024).fill(255))] }],
      [
        "the largest numbers",
        { time: big, events: [put("k", "v", { createRevision: big, version: big, expireTime: big })] },
      ],
      [
        "numbers at 32 bits",
        {
          time: 2 ** 32,
          events: [put("k", "v", { createRevision: 2 ** 31, version: 2 ** 31 - 1, expireTime: 2 ** 32 - 1 })],
        },
      ],
      [
        "many events",
        {
          time: 5,
          events: [
            put("a", "1"),
            { type: "delete", key: "b", expired: false },
            { type: "delete", key: "c", expired: true },
            put("d", everyByte, { expireTime: 7 }),
            ...Array.from({ length: 1000 }, (_, index) => put(`key ${index}`, "v")),
          ],
        },
      ],
    ];
    it.each(cases)("keeps %s as it is", async (_what, content) => {
      const there = await place();
      const expected = [simple(1), { sequence: 2, ...content, request: undefined }, simple(3)];
      await there.log.append(0, expected);
      expectSame(await readAll(there.log), expected);
      const read = await readAll(await there.reopen());
      expectSame(read, expected);
      for (const event of read.flatMap(({ events }) => events)) {
        if (event.type === "put" && typeof event.value !== "string") {
          expect(event.value.constructor).toBe(Uint8Array);
        }
      }
    });

    it("follows nobody when it is the only writer, until the signal aborts", async () => {
      const { log } = await place();
      const controller = new AbortController();
      const seen: unknown[] = [];
      const following = (async () => {
        for await (const batch of log.follow(0, controller.signal)) seen.push(batch);
      })();
      await log.append(0, [simple(1)]);
      controller.abort();
      await following;
      expect(seen).toEqual([]);
      for await (const batch of log.follow(0, AbortSignal.abort())) seen.push(batch);
      expect(seen).toEqual([]);
    });

    it("refuses appends once it is closed, and can be closed twice", async () => {
      const { log } = await place();
      await log.append(0, [simple(1)]);
      await Promise.all([log.close(), log.close()]);
      await expect(log.append(1, [simple(2)])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
    });

    it("finishes a running append before it closes", async () => {
      const there = await place();
      const appending = there.log.append(0, [simple(1)]);
      await Promise.all([appending, there.log.close()]);
      if (lasts) expect(await readAll(await there.reopen())).toEqual([simple(1)]);
    });

    it("drops by compaction only what nothing needs", async () => {
      const there = await place();
      const model = new LogModel();
      model.transactions.push(
        transaction(1, put("a", "1"), put("b", "1")),
        transaction(2, put("a", "2")),
        transaction(3, put("c", "3")),
        transaction(4, { type: "delete", key: "c", expired: false }),
        transaction(5, put("d", new Uint8Array([5]))),
      );
      await there.log.append(0, model.transactions);
      await there.log.compact(model.retentionAt(5));
      expect(there.log.horizon).toBe(5);
      const compacted = [
        transaction(1, put("b", "1")),
        transaction(2, put("a", "2")),
        transaction(5, put("d", new Uint8Array([5]))),
      ];
      expect(await readAll(there.log)).toEqual(compacted);
      expect(await readAll(there.log, 5)).toEqual([]);
      const reopened = await there.reopen();
      expect(reopened.horizon).toBe(5);
      expect(await reopened.latestSequence()).toBe(5);
      expect(await readAll(reopened)).toEqual(compacted);
      await reopened.append(5, [transaction(6, put("a", "6"))]);
      expect(await readAll(await there.reopen())).toEqual([...compacted, transaction(6, put("a", "6"))]);
    });

    it("keeps touches and request records, and what touches changed across a compaction", async () => {
      const there = await place();
      const entry = { revision: 9, createRevision: 7, version: 2, updateTime: 5, expireTime: 2 ** 41 };
      const results = [
        { entry, deleted: false },
        { entry: undefined, deleted: false },
        { entry: undefined, deleted: true },
      ];
      const request = (time: number): RequestRecord =>
        encodeRequestRecord({ id: requestId(time), digest: Uint8Array.of(1, 2, 3), results });
      const all: Transaction[] = [
        transaction(1, put("a", "1", { expireTime: 100 }), put("b", "1", { expireTime: 100 }), put("c", "1")),
        { ...transaction(2, { type: "touch", key: "a", expireTime: 200 }), request: request(2000) },
        transaction(
          3,
          { type: "touch", key: "b", expireTime: 0 },
          { type: "touch", key: "c", expireTime: 7 },
        ),
        { ...transaction(4, { type: "delete", key: "c", expired: true }), request: request(1999) },
        { ...transaction(5), request: request(2001) },
        { ...transaction(6, put("d", "6")), request: request(1998) },
        { ...transaction(7, put("e", "7")), request: request(2002) },
      ];
      await there.log.append(0, all);
      expect(await readAll(there.log)).toEqual(all);
      expect(await readAll(await there.reopen())).toEqual(all);
      await there.log.compact(retaining(7, all, 2000));
      const compacted = [
        transaction(1, put("a", "1", { expireTime: 200 }), put("b", "1", { expireTime: 0 })),
        { ...transaction(2), request: request(2000) },
        { ...transaction(5), request: request(2001) },
        transaction(6, put("d", "6")),
        { ...transaction(7, put("e", "7")), request: request(2002) },
      ];
      expect(await readAll(there.log)).toEqual(compacted);
      expect(await readAll(await there.reopen())).toEqual(compacted);
      await there.log.append(7, [transaction(8, { type: "touch", key: "a", expireTime: 0 })]);
      await there.log.compact(
        retaining(8, [...compacted, transaction(8, { type: "touch", key: "a", expireTime: 0 })], 3000),
      );
      expect(await readAll(await there.reopen())).toEqual([
        transaction(1, put("a", "1"), put("b", "1")),
        transaction(6, put("d", "6")),
        transaction(7, put("e", "7")),
      ]);
    });

    it("keeps every transaction after an earlier horizon as it is", async () => {
      const there = await place();
      const model = new LogModel();
      model.transactions.push(...simples(1, 30));
      for (const basis of [0, 10, 20])
        await there.log.append(basis, model.transactions.slice(basis, basis + 10));
      for (const horizon of [10, 14, 15, 25]) {
        await there.log.compact(model.retentionAt(horizon));
        expect(there.log.horizon).toBe(horizon);
        await model.expectIn(there.log);
        for (const after of [horizon, horizon + 1, 29]) {
          expect(await readAll(there.log, after)).toEqual(model.transactions.slice(after));
        }
        await model.expectIn(await there.reopen());
      }
      // What is known already is not taken back.
      await there.log.compact(model.retentionAt(20));
      expect(there.log.horizon).toBe(25);
      model.transactions.push(simple(31));
      await there.log.append(30, [simple(31)]);
      await model.expectIn(await there.reopen());
      await there.log.compact(model.retentionAt(31));
      expect(await readAll(await there.reopen())).toEqual(simples(25, 7));
    });

    it("goes on after a horizon in the middle of the only batch", async () => {
      const there = await place();
      await there.log.append(0, simples(1, 10));
      await there.log.compact(retaining(3, simples(1, 10)));
      expect(await (await there.reopen()).append(10, [simple(11)])).toEqual({ appended: true });
      expect(await readAll(await there.reopen(), 3)).toEqual(simples(4, 8));
    });

    it("compacts an empty log, and one that holds nothing any more", async () => {
      const there = await place();
      await there.log.compact(retaining(0, simples(1, 0)));
      await there.log.append(0, simples(1, 3));
      await there.log.compact(retaining(3));
      expect(await readAll(await there.reopen())).toEqual([]);
      expect(there.log.horizon).toBe(3);
      await there.log.append(3, [simple(4)]);
      expect(await readAll(await there.reopen())).toEqual([simple(4)]);
    });

    it("takes appends and reads while it compacts, and a second call joins the first", async () => {
      const there = await place();
      const model = new LogModel();
      const random = createRandom(seed);
      for (let index = 0; index < 30; index++) {
        const batch = model.nextBatch(random, 50);
        await there.log.append(model.lastSequence, batch);
        model.transactions.push(...batch);
      }
      const horizon = model.lastSequence - 20;
      const retention = model.retentionAt(horizon);
      const compaction = { done: false };
      const compacting = Promise.all([there.log.compact(retention), there.log.compact(retention)]).finally(
        () => {
          compaction.done = true;
        },
      );
      for (let index = 0; index < 20 || !compaction.done; index++) {
        const batch = model.nextBatch(random);
        await there.log.append(model.lastSequence, batch);
        model.transactions.push(...batch);
        if (index % 5 === 0) {
          const read = await readAll(there.log, horizon);
          expect(read).toEqual(model.transactions.slice(horizon));
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
      await compacting;
      expect(there.log.horizon).toBe(horizon);
      await model.expectIn(there.log);
      await model.expectIn(await there.reopen());
    });

    it(`is the same as a list through random work (SEED=${seed})`, async () => {
      const there = await place();
      const model = new LogModel();
      const random = createRandom(seed);
      for (let step = 0; step < 150; step++) {
        const choice = random.below(20);
        if (choice === 0) {
          const { horizon } = there.log;
          await there.log.compact(
            model.retentionAt(horizon + random.below(model.lastSequence - horizon + 1)),
          );
        } else if (choice === 1) {
          await model.expectIn(await there.reopen());
        } else {
          const batch = model.nextBatch(random);
          await there.log.append(model.lastSequence, batch);
          model.transactions.push(...batch);
        }
      }
      await model.expectIn(there.log);
      await model.expectIn(await there.reopen());
    });

    it("reads a log of 20,000 transactions in batches", async () => {
      const there = await place();
      for (let basis = 0; basis < 20_000; basis += 5000)
        await there.log.append(basis, simples(basis + 1, 5000));
      const log = await there.reopen();
      let next = 1;
      for await (const batch of log.readTransactions(0)) {
        for (const { sequence, events } of batch) {
          if (sequence !== next || events[0]?.key !== `key ${next % 7}`) expect(sequence).toBe(next);
          next++;
        }
      }
      expect(next).toBe(20_001);
    });
  });
}
