import type { MessageInitShape } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import type { MutationSchema } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { Selector, SelectorUnion } from "../../src/store/watch/selector.ts";
import { openFileTransactionLogger } from "../../src/transaction-log/file/file-transaction-logger.ts";
import type { Transaction, TransactionEvent } from "../../src/transaction-log/transaction-logger.ts";
import { expectFaithful, Truth } from "../store/watch/watch-validator.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { createRandom, type Random, rounds, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { openClient, withClients } from "./every-client.ts";
import { toEntry, WatchRecorder } from "./watch-recorder.ts";

const lives = 5 * rounds;
const writesInALife = 250;
const writers = 6;

const keys = ["a/", "a/b/", "\u{1f600}/", "\ue000/"].flatMap((folder) =>
  Array.from({ length: 6 }, (_, index) => `${folder}${index}`),
);

/** A protocol, what it watches, and a key in it. */
const watched = [
  ["gRPC by Connect", { prefix: "" }, true, "end"],
  ["events", { prefix: "" }, true, "end"],
  ["gRPC by grpc-js", { prefix: "a/" }, false, "a/0"],
  ["events", { prefix: "a/b/" }, false, "a/b/0"],
  ["gRPC by Connect", { prefix: "\u{1f600}/" }, true, "\u{1f600}/0"],
  ["events", { prefix: "\ue000" }, true, "\ue000/0"],
  ["gRPC by Connect", { key: "a/1" }, true, "a/1"],
  ["events", { key: "\u{1f600}/1" }, true, "\u{1f600}/1"],
] as const;

test(`watchers see what the log says, through reconnects, kills, restarts and compactions (seed ${seed})`, async () => {
  const random = createRandom(seed);
  const directory = await temporaryDirectory();
  const flags = [
    "--log",
    `file:${directory}`,
    "--compaction-bytes-min",
    "25000",
    "--watch-history-events-max",
    "150",
  ];
  const recorders = watched.map(
    ([protocol, selector, previous]) =>
      new WatchRecorder(protocol, selector as Exclude<Selector, SelectorUnion>, previous, random),
  );
  const known = new Map<number, Transaction>();
  let next = Promise.withResolvers<string>();
  let server: ServerProcess | undefined;
  let last: number | undefined;
  onTestFinished(() => void server?.stop("SIGKILL"));
  const watching = Promise.all(
    recorders.map((recorder) =>
      recorder.run(
        () => next.promise,
        () => last,
      ),
    ),
  );

  let horizon = 0;
  for (let life = 0; life < lives; life++) {
    server = await startServerProcess(flags);
    const witnessed = await witnessExpiries(server.address, known);
    next.resolve(server.address);
    const kills = life % 2 === 1;
    await withClients(server.address, async (clients) => {
      await writeRandomly(clients, random, known, kills ? server : undefined);
      if (life < lives - 1) return;
      // A change that each of them waits for.
      const ends = new Set(watched.map(([, , , key]) => key));
      const mutations = [...ends].map(
        (key) => ({ kind: { case: "put", value: { key, value: "end" } } }) as const,
      );
      last = await commit(clients[0] as KeyValueClient, mutations, known);
      await watching;
    });
    next = Promise.withResolvers();
    await server.stop();
    await witnessed.end;
    horizon = await readLog(directory, known);
  }

  expect(horizon, "compactions happened").toBeGreaterThan(0);
  const truth = new Truth();
  for (const [, transaction] of [...known].toSorted(([a], [b]) => a - b)) truth.add(transaction);
  recorders.forEach((recorder) =>
    expect(expectFaithful(truth, recorder)).toBeGreaterThanOrEqual(last as number),
  );
  const reasons = new Set(recorders.flatMap((recorder) => [...recorder.reasons.keys()]));
  expect(recorders.flatMap(({ wrongIds }) => wrongIds)).toEqual([]);
  expect(reasons, "watches were ended").toContain("SHUTTING_DOWN");
});

/** Random writes by all clients, until enough are done or, with a victim, it is killed in the middle of them. */
async function writeRandomly(
  clients: readonly KeyValueClient[],
  random: Random,
  known: Map<number, Transaction>,
  victim: ServerProcess | undefined,
): Promise<void> {
  let left = writesInALife;
  let dead = false;
  const all = Array.from({ length: writers }, async (_, writer) => {
    const client = clients[writer % clients.length] as KeyValueClient;
    while (left > 0 && !dead) {
      left--;
      try {
        await commit(client, randomMutations(random), known);
      } catch (error) {
        if (!dead) throw error;
      }
      if (victim === undefined || left > 0 || dead) continue;
      dead = true;
      process.kill(victim.pid, "SIGKILL");
    }
  });
  await Promise.all(all);
}

type MutationInit = MessageInitShape<typeof MutationSchema>;

function randomMutations(random: Random): MutationInit[] {
  const chosen = new Set(
    Array.from({ length: random.chance(0.6) ? 1 : 1 + random.below(5) }, () => random.pick(keys)),
  );
  return [...chosen].map((key): MutationInit => {
    if (random.chance(0.25)) return { kind: { case: "delete", value: { key } } };
    const value = "x".repeat(random.below(100));
    const ttl = random.chance(0.15) ? { seconds: 1n } : undefined;
    return {
      kind: {
        case: "put",
        value: {
          key,
          ...(random.chance(0.7) ? { value } : { bytesValue: Buffer.from(value) }),
          ...(ttl && { ttl }),
        },
      },
    };
  });
}

/** Commits, and remembers what the answer says of it: compaction may drop it from the log before that is read. */
async function commit(
  client: KeyValueClient,
  mutations: readonly MutationInit[],
  known: Map<number, Transaction>,
): Promise<number> {
  const { revision, results } = await client.commit({ mutations: [...mutations] });
  let time = 0;
  const events = mutations.flatMap(({ kind }, index): TransactionEvent[] => {
    const result = results[index];
    if (kind?.case === "put" && result?.entry !== undefined) {
      const { value, bytesValue } = kind.value;
      const { key, createRevision, version, expireTime, updateTime } = toEntry(result.entry);
      time = updateTime;
      return [
        {
          type: "put",
          key,
          value: value ?? new Uint8Array(bytesValue ?? []),
          createRevision,
          version,
          expireTime,
        },
      ];
    }
    if (result?.deleted) return [{ type: "delete", key: kind?.value?.key ?? "", expired: false }];
    return [];
  });
  if (events.length > 0)
    known.set(Number(revision), { sequence: Number(revision), time, events, request: undefined });
  return Number(revision);
}

/** Adds what the log holds; where an answer said the same, it must be the same. Returns its horizon. */
async function readLog(directory: string, known: Map<number, Transaction>): Promise<number> {
  const logger = await openFileTransactionLogger({ directory });
  try {
    for await (const transactions of logger.readTransactions(logger.horizon)) {
      for (const { sequence, time, events, request } of transactions) {
        const transaction = { sequence, time, events: events.map(withPlainBytes), request };
        const answered = known.get(sequence);
        if (answered !== undefined) expect(transaction.events).toEqual(answered.events);
        known.set(sequence, transaction);
      }
    }
    return logger.horizon;
  } finally {
    await logger.close();
  }
}

function withPlainBytes(event: TransactionEvent): TransactionEvent {
  return event.type === "put" && typeof event.value !== "string"
    ? { ...event, value: new Uint8Array(event.value) }
    : event;
}

/**
 * Watches everything from the last known revision on, without a break until the server ends, and adds what expires:
 * nobody is answered that, compaction may drop it from the log before that is read, and the watchers may all be away.
 */
async function witnessExpiries(
  address: string,
  known: Map<number, Transaction>,
): Promise<{ readonly end: Promise<void> }> {
  const client = openClient("gRPC by Connect", address);
  const startRevision = BigInt(Math.max(0, ...known.keys()));
  const responses = client.watch({ prefix: "", startRevision }, new AbortController().signal);
  const iterator = responses[Symbol.asyncIterator]();
  await iterator.next();
  const follow = async () => {
    for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
      const { revision, events } = next.value;
      if (events.every(({ expired }) => !expired)) continue;
      const sequence = Number(revision);
      const deletes = events.map(
        ({ entry }): TransactionEvent => ({ type: "delete", key: entry?.key ?? "", expired: true }),
      );
      known.set(sequence, { sequence, time: 0, events: deletes, request: undefined });
    }
  };
  // However the server ends, the stream ends with it; one that ended before shows as a revision that nobody knows.
  return {
    end: follow()
      .catch(() => undefined)
      .finally(() => client.close()),
  };
}
