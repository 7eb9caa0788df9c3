import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test, vi } from "vitest";
import type { ForwardResponse } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import { type Operation, type Outcome, operationBytes } from "../../src/database.ts";
import { DuetError } from "../../src/errors.ts";
import { type Logger, silentLogger } from "../../src/logging.ts";
import { Forwarder, type ForwarderOptions } from "../../src/replication/forwarder.ts";
import { NotForwardedError } from "../../src/replication/not-forwarded-error.ts";
import { messageCodec } from "../../src/wire/wire.ts";
import { check, operation, outcomeOf, put, remove, repeatable, touch } from "../committer/committing.ts";
import { until } from "../support/until.ts";
import { uuid7 } from "../support/uuid7.ts";

type Reply = Pick<ForwardResponse, "revision" | "outcomes" | "stateHash">;

const entry = { key: "", revision: 7n, createRevision: 7n, version: 1n };
const stored = { kind: { case: "committed", value: { revision: 7n, results: [{ entry }] } } };

const appended: Outcome = {
  revision: 9,
  results: [
    {
      entry: { key: "", revision: 9, createRevision: 9, version: 1, updateTime: 1, expireTime: 0 },
      deleted: false,
    },
  ],
};

function failed(reason: string) {
  return { kind: { case: "failure", value: { reason, message: "", metadata: [] } } };
}

function reply(...outcomes: readonly object[]): Reply {
  return { revision: 7n, outcomes, stateHash: "hash 7" } as unknown as Reply;
}

/** What is under test, apart from the forwarder. */
interface Replica {
  readonly commit?: (operation: Operation, requirement?: (now: number) => void) => Promise<Outcome>;
  readonly reach?: (revision: number) => Promise<void>;
  readonly limits?: ForwarderOptions["limits"];
  /** Keys that have changed since. */
  readonly changed?: ReadonlySet<string>;
  readonly termTimes?: ForwarderOptions["termTimes"];
  /** Of this replica, which sends at revision 6. */
  readonly stateHashAt?: (revision: number) => string | undefined;
  /** The end of the log after the term; what is committed here is evaluated at revision 7. */
  readonly latestRevision?: () => Promise<number>;
  /** Of other operations that are committed here. */
  readonly queueBytes?: number;
  readonly log?: Logger;
}

/** A forwarder beside a writer under the control of the test. `respond` is the writer; `commit` is this replica. */
async function startForwarding(
  respond: (operations: readonly Uint8Array[]) => Promise<Reply>,
  {
    commit = async () => appended,
    reach = async () => {},
    limits = { queueBytesMax: 200_000, requestBytesMax: 4 * 1024 * 1024 },
    changed = new Set(["a"]),
    termTimes = { lengthMs: 10, marginMs: 10 },
    stateHashAt = (revision) => `hash ${revision}`,
    latestRevision = async () => 6,
    queueBytes = 0,
    log = silentLogger,
  }: Replica = {},
) {
  const here: Operation[] = [];
  const requests: number[] = [];
  let ownRevision = 6;
  let ownQueueBytes = queueBytes;
  const state = { usable: true, reachable: true, writer: { id: "w", self: false, address: "127.0.0.1:1" } };
  const openPeer = async ({ id }: { readonly id: string }) => {
    if (!state.reachable) throw new Error("refused");
    return {
      id,
      get isUsable() {
        return state.usable;
      },
      async forward(operations: readonly Uint8Array[]) {
        requests.push(operations.length);
        return (await respond(operations)) as ForwardResponse;
      },
      leave() {},
      close() {},
    };
  };
  const forwarder = new Forwarder({
    database: {
      writer: () => state.writer,
      reach,
      mayHaveChanged: (key) => changed.has(key),
      stateHashAt,
      get queueBytes() {
        return ownQueueBytes;
      },
      latestRevision,
      get revision() {
        return ownRevision;
      },
      time: 1_000_000,
      commitAdmitted: async (each, _span, requirement) => {
        ownRevision = 7;
        requirement?.(1_000_020);
        here.push(each);
        ownQueueBytes += operationBytes(each);
        return commit(each, requirement).finally(() => {
          ownQueueBytes -= operationBytes(each);
        });
      },
    },
    openPeer,
    codec: messageCodec,
    limits,
    log,
    termTimes,
  });
  onTestFinished(() => forwarder.close());
  forwarder.look();
  await turn();
  const send = (each: Operation) => outcomeOf(forwarder.forward(each) ?? commit(each));
  return { forwarder, state, here, requests, send };
}

const request = repeatable(operation([put("b")]), uuid7(Date.now()));

test("an operation has the outcome that the writer responds with, once this replica has applied it", async () => {
  const reached: number[] = [];
  const { forwarder, here } = await startForwarding(
    async (operations) => reply(...operations.map(() => stored)),
    { reach: async (revision) => void reached.push(revision) },
  );
  const outcome = await forwarder.forward(operation([put("a")]));
  expect(outcome).toMatchObject({
    revision: 7,
    results: [{ entry: { key: "a", version: 1 }, deleted: false }],
  });
  expect(reached.at(-1)).toBe(7);
  expect(here).toEqual([]);
});

test("operations of one turn share a request", async () => {
  const { send, requests } = await startForwarding(async (operations) =>
    reply(...operations.map(() => stored)),
  );
  await Promise.all(Array.from({ length: 5 }, (_, index) => send(operation([put(`key ${index}`)]))));
  expect(requests).toEqual([5]);
});

test.each([
  ["REVISION_MISMATCH"],
  ["KEY_EXISTS"],
  ["NO_SUCH_KEY"],
  ["STORE_FULL"],
  ["QUOTA_EXCEEDED"],
  ["REQUEST_ID_REUSED"],
  ["REQUEST_ID_EXPIRED"],
  ["REQUEST_ID_INVALID"],
  ["RATE_LIMITED"],
  ["OVERLOADED"],
])("%s of the writer is the response", async (reason) => {
  const { send, here } = await startForwarding(async (operations) =>
    reply(...operations.map(() => failed(reason))),
  );
  expect(await send(request)).toBe(reason);
  expect(here).toEqual([]);
});

test.each([["LOG_UNAVAILABLE"], ["SHUTTING_DOWN"], ["DATABASE_WENT_BACK_IN_TIME"], ["DEADLINE_EXCEEDED"]])(
  "an operation that the writer did not apply because of %s is committed here",
  async (reason) => {
    const { send, here, forwarder } = await startForwarding(async (operations) =>
      reply(...operations.map(() => failed(reason))),
    );
    expect(await send(operation([put("a")]))).toBe("OK");
    expect(here.length).toBe(1);
    expect(forwarder.counts).toMatchObject({ forwarded: 0, refused: 1, unknown: 0 });
  },
);

test("an operation that the writer refuses is committed here, and later ones are forwarded", async () => {
  const refused = { kind: { case: "failure", value: { reason: "", message: "", refused: true } } };
  const { send, here, forwarder } = await startForwarding(async () => reply(refused, stored));
  expect(await Promise.all([send(operation([put("a")])), send(operation([put("b")]))])).toEqual(["OK", "OK"]);
  expect(here).toEqual([operation([put("a")])]);
  expect(forwarder.forward(operation([put("c")]))).toBeDefined();
});

test("operations are committed here when the writer has refused the request, and later ones, too", async () => {
  const { send, here, forwarder } = await startForwarding(async () => {
    throw new NotForwardedError("refused");
  });
  expect(await send(operation([put("a")]))).toBe("OK");
  expect(here.length).toBe(1);
  expect(forwarder.forward(operation([put("b")]))).toBeUndefined();
});

const lies: readonly (readonly [string, Reply | Error])[] = [
  ["does not respond", new Error("connection lost")],
  ["responds with too few outcomes", reply()],
  ["responds with an outcome too many", reply(stored, stored)],
  ["responds without a result", reply({ kind: { case: "committed", value: { revision: 7n, results: [] } } })],
  [
    "responds to another mutation",
    reply({ kind: { case: "committed", value: { revision: 7n, results: [{ deleted: true }] } } }),
  ],
  [
    "responds with a revision that it has not applied",
    { ...reply(stored), revision: 6n, stateHash: "hash 6" },
  ],
  ["says no hash", { ...reply(stored), stateHash: "" }],
  ["has other entries", { ...reply(stored), stateHash: "hash 8" }],
  ["responds with nothing", reply({ kind: { case: undefined } })],
  ["responds with an unknown reason", reply(failed("toString"))],
  ["fails unexpectedly", reply(failed("INTERNAL"))],
  ["does not know the outcome either", reply(failed("OUTCOME_UNKNOWN"))],
];

test.each(lies)(
  "when the writer %s, an operation without a request id is not repeated",
  async (_, response) => {
    const { send, here, forwarder } = await startForwarding(async () => {
      if (response instanceof Error) throw response;
      return response;
    });
    expect(await send(operation([put("a")]))).toBe("OUTCOME_UNKNOWN");
    expect(here).toEqual([]);
    expect(forwarder.counts).toMatchObject({ unknown: 1 });
  },
);

test.each(lies)(
  "when the writer %s, an operation with a request id is repeated here",
  async (_, response) => {
    const { send, here } = await startForwarding(async () => {
      if (response instanceof Error) throw response;
      return response;
    });
    expect(await send(request)).toBe("OK");
    expect(here).toEqual([request]);
  },
);

/** Of a writer at revision 5. */
function early(...outcomes: readonly object[]): Reply {
  return { ...reply(...outcomes), revision: 5n, stateHash: "hash 5" };
}

const stateHashAt = (revision: number) => (revision < 6 ? undefined : `hash ${revision}`);

test.each([
  [
    "a success",
    {
      kind: { case: "committed", value: { revision: 5n, results: [{ entry: { ...entry, revision: 5n } }] } },
    },
  ],
  ["a failed check", failed("KEY_EXISTS")],
])("%s at a revision before that of this replica is of another log", async (_, result) => {
  const { send, forwarder } = await startForwarding(async () => early(result), { stateHashAt });
  expect(await send(operation([put("a")]))).toBe("OUTCOME_UNKNOWN");
  expect(forwarder.counts).toMatchObject({ forwarded: 0, isConnected: false });
});

test("a writer that is behind and evaluates nothing has the same log", async () => {
  const { send, here, forwarder } = await startForwarding(
    async () => early(failed("LOG_UNAVAILABLE"), failed("OVERLOADED")),
    { stateHashAt },
  );
  const outcomes = ["a", "c"].map((key) => send(operation([put(key)])));
  expect(await Promise.all(outcomes)).toEqual(["OK", "OVERLOADED"]);
  expect(here.length).toBe(1);
  expect(forwarder.counts).toMatchObject({ unknown: 0, isConnected: true });
});

test("a writer at a revision whose hash is no longer known is answered", async () => {
  const { send, forwarder } = await startForwarding(async () => reply(stored), {
    stateHashAt: () => undefined,
  });
  expect(await send(operation([put("a")]))).toBe("OK");
  expect(forwarder.counts).toMatchObject({ forwarded: 1, isConnected: true });
});

const lost = async () => Promise.reject(new Error("connection lost"));

test("an operation with a request id is not repeated over what was written since", async () => {
  const { send, here } = await startForwarding(lost);
  expect(await send(repeatable(operation([put("a")]), uuid7(Date.now())))).toBe("OUTCOME_UNKNOWN");
  expect(here).toEqual([]);
});

test("a repeat that fails is tried again once the first one cannot succeed any more", async () => {
  const termTimes = { lengthMs: 50, marginMs: 20 };
  const times: number[] = [];
  const { send } = await startForwarding(lost, {
    termTimes,
    async commit() {
      times.push(performance.now());
      throw new DuetError("KEY_EXISTS", "");
    },
  });
  const start = performance.now();
  expect(await send(request)).toBe("KEY_EXISTS");
  expect(times).toHaveLength(2);
  // Timers may be a millisecond early.
  expect(times[1]! - start).toBeGreaterThan(68);
});

test("an operation that was not applied within its term is committed here", async () => {
  const { send, here } = await startForwarding(lost);
  const sent = operation([put("b")]);
  expect(await send(sent)).toBe("OK");
  expect(here).toEqual([sent]);
});

test("whether it was applied is asked at each evaluation", async () => {
  const changed = new Set<string>();
  const { send } = await startForwarding(lost, {
    changed,
    async commit(_, requirement) {
      // The append of this replica fails, because that of the writer came before.
      changed.add("b");
      requirement?.(1_000_020);
      return appended;
    },
  });
  expect(await send(operation([put("b")]))).toBe("OUTCOME_UNKNOWN");
});

const absent = operation([put("b")], check("b", { exists: false }));
const commitKeyExists = async () => Promise.reject(new DuetError("KEY_EXISTS", ""));
const commitNothing = async () => ({ revision: 7, results: [{ entry: undefined, deleted: false }] });
const withoutAppend = [
  ["KEY_EXISTS", absent, commitKeyExists],
  ["KEY_EXISTS", request, commitKeyExists],
  ["OK", operation([remove("b")]), commitNothing],
] as const;

test.each(withoutAppend)(
  "after its term an operation may end with %s without an append",
  async (reason, each, commit) => {
    const { send } = await startForwarding(lost, { commit });
    expect(await send(each)).toBe(reason);
  },
);

test.each(withoutAppend)(
  "%s without an append is certain only if an append on its way cannot succeed any more",
  async (_, each, commit) => {
    const { send } = await startForwarding(lost, { commit, latestRevision: async () => 7 });
    expect(await send(each)).toBe("OUTCOME_UNKNOWN");
    const unread = await startForwarding(lost, {
      commit,
      latestRevision: async () => Promise.reject(new DuetError("LOG_UNAVAILABLE", "")),
    });
    expect(await unread.send(each)).toBe("OUTCOME_UNKNOWN");
  },
);

test("an append after the term is certain, also at the end of the log", async () => {
  for (const latestRevision of [async () => 7, async () => Promise.reject(new Error("unread"))]) {
    const { send } = await startForwarding(lost, { latestRevision });
    expect(await send(operation([put("b")]))).toBe("OK");
  }
});

test.each([
  ["LOG_UNAVAILABLE", operation([put("b")])],
  ["OVERLOADED", operation([put("b")])],
  ["LOG_UNAVAILABLE", request],
] as const)("the outcome is unknown when the operation fails here with %s", async (reason, each) => {
  const { send } = await startForwarding(lost, {
    commit: async () => Promise.reject(new DuetError(reason, "")),
  });
  expect(await send(each)).toBe("OUTCOME_UNKNOWN");
});

test("the outcome is unknown when this replica stops within the term", async () => {
  const { send, forwarder, requests, here } = await startForwarding(lost, {
    termTimes: { lengthMs: 60_000, marginMs: 0 },
  });
  const outcome = send(operation([put("b")]));
  await until(() => requests.length === 1);
  forwarder.close();
  expect(await outcome).toBe("OUTCOME_UNKNOWN");
  expect(here).toEqual([]);
});

test("operations take room in the queue until their outcome is known", async () => {
  const pending = Promise.withResolvers<Outcome>();
  const { send, forwarder } = await startForwarding(async () => reply(failed("INTERNAL")), {
    commit: () => pending.promise,
  });
  const large = operation([put("b", "x".repeat(60_000))]);
  const first = forwarder.forward(large);
  await until(() => forwarder.counts.unknown === 1);
  expect(await send(large)).toBe("OVERLOADED");
  pending.resolve(appended);
  expect(await first).toMatchObject({ revision: 9 });
  expect(forwarder.counts.queueBytes).toBe(0);
});

test("an operation that is committed here takes room once", async () => {
  const pending = Promise.withResolvers<Outcome>();
  const { forwarder, here, send } = await startForwarding(
    async () => reply(failed("LOG_UNAVAILABLE"), stored),
    {
      commit: () => pending.promise,
    },
  );
  const outcomes = [put("b", "x".repeat(60_000)), put("c")].map((each) => send(operation([each])));
  await until(() => here.length === 1);
  expect(forwarder.counts.queueBytes).toBe(0);
  pending.resolve(appended);
  expect(await Promise.all(outcomes)).toEqual(["OK", "OK"]);
  expect(forwarder.counts.queueBytes).toBe(0);
});

test("what cannot be forwarded is refused while too much waits for the writer", async () => {
  const responses = Promise.withResolvers<Reply>();
  const limits = { queueBytesMax: 1_200_000, requestBytesMax: 4 * 1024 * 1024 };
  const { send, forwarder, state, requests } = await startForwarding(() => responses.promise, { limits });
  const tooLarge = operation([put("b", "x".repeat(1_100_000))]);
  const first = send(operation([put("a", "x".repeat(60_000))]));
  await until(() => requests.length === 1);
  expect(await send(tooLarge)).toBe("OVERLOADED");
  state.writer = { ...state.writer, self: true };
  forwarder.look();
  expect(await send(tooLarge)).toBe("OVERLOADED");
  responses.resolve(reply(stored));
  expect(await first).toBe("OK");
  expect(await send(tooLarge)).toBe("OK");
});

test("a writer with a revision that the log does not reach is left", async () => {
  const { forwarder, send } = await startForwarding(
    async (operations) => reply(...operations.map(() => stored)),
    { reach: async () => Promise.reject(new DuetError("REVISION_NOT_REACHED", "")) },
  );
  expect(await send(operation([put("a")]))).toBe("OUTCOME_UNKNOWN");
  expect(forwarder.forward(operation([put("a")]))).toBeUndefined();
});

test("a replica that cannot read the log for a moment reads it again, and keeps to the writer", async () => {
  let failures = 2;
  const { forwarder, send } = await startForwarding(
    async (operations) => reply(...operations.map(() => stored)),
    {
      async reach() {
        if (failures-- > 0) throw new DuetError("LOG_UNAVAILABLE", "");
      },
    },
  );
  expect(await send(operation([put("a")]))).toBe("OK");
  expect(forwarder.counts).toMatchObject({ forwarded: 1, unknown: 0 });
  expect(forwarder.forward(operation([put("a")]))).toBeDefined();
});

test("a writer that appends nothing of a request is left", async () => {
  const { send, forwarder } = await startForwarding(async () =>
    reply(failed("LOG_UNAVAILABLE"), failed("SHUTTING_DOWN")),
  );
  expect(await Promise.all(["a", "b"].map((key) => send(operation([put(key)]))))).toEqual(["OK", "OK"]);
  expect(forwarder.forward(operation([put("c")]))).toBeUndefined();
  expect(forwarder.counts.isConnected).toBe(false);
});

test("a writer that is too late is left when the next request ends so, too", async () => {
  const held = Promise.withResolvers<void>();
  const { send, here, forwarder, requests } = await startForwarding(async (operations) => {
    await held.promise;
    return reply(...operations.map(() => failed("DEADLINE_EXCEEDED")));
  });
  // Two requests at the same time wait for the same append.
  const first = send(operation([put("b")]));
  await until(() => requests.length === 1);
  const second = send(operation([put("c")]));
  await until(() => requests.length === 2);
  held.resolve();
  expect(await Promise.all([first, second])).toEqual(["OK", "OK"]);
  expect(here.length).toBe(2);
  expect(forwarder.counts.isConnected).toBe(true);
  expect(await send(operation([put("b")]))).toBe("OK");
  expect(forwarder.counts).toMatchObject({ unknown: 0, isConnected: false });
});

test("a writer that was too late once is not left for a later time", async () => {
  let responses = 0;
  const { send, forwarder } = await startForwarding(async () =>
    reply(responses++ % 2 === 0 ? failed("DEADLINE_EXCEEDED") : stored),
  );
  for (let index = 0; index < 4; index++) expect(await send(operation([put("b")]))).toBe("OK");
  expect(forwarder.counts).toMatchObject({ refused: 2, forwarded: 2, isConnected: true });
});

test("a writer with too much to do is not left, and its overload is the response", async () => {
  const { send, here, forwarder } = await startForwarding(async () =>
    Promise.reject(new DuetError("OVERLOADED", "")),
  );
  expect(await send(request)).toBe("OVERLOADED");
  expect(here).toEqual([]);
  expect(forwarder.counts).toMatchObject({ overloaded: 1, unknown: 0, isConnected: true });
});

test("a connection that has aged is replaced at once", async () => {
  const { forwarder, state } = await startForwarding(async () => reply(stored));
  state.usable = false;
  forwarder.look();
  state.usable = true;
  await turn();
  expect(forwarder.counts.isConnected).toBe(true);
  expect(await forwarder.forward(operation([put("a")]))).toMatchObject({ revision: 7 });
});

test("a writer that stops is left alone for a while", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  onTestFinished(() => void vi.useRealTimers());
  const { forwarder, state } = await startForwarding(async () => reply(stored));
  state.usable = false;
  state.reachable = false;
  forwarder.look();
  await turn();
  state.usable = true;
  state.reachable = true;
  forwarder.look();
  await turn();
  expect(forwarder.counts.isConnected).toBe(false);
});

test("the log has one warning of a writer that accepts connections and fails, and tells when it works", async () => {
  let fails = true;
  const events: string[] = [];
  const note = (_: object, event: string) => void events.push(event);
  const { forwarder, send } = await startForwarding(
    async () => reply(fails ? failed("SHUTTING_DOWN") : stored),
    {
      log: { ...silentLogger, info: note, warn: note },
    },
  );
  for (let round = 0; round < 2; round++) {
    expect(await send(operation([put("b")]))).toBe("OK");
    await until(() => {
      forwarder.look();
      return forwarder.counts.isConnected;
    });
  }
  const warned = ["writes are forwarded", "forwarding failed; writes are appended here"];
  expect(events).toEqual(warned);
  fails = false;
  await forwarder.forward(operation([put("b")]));
  forwarder.look();
  expect(events).toEqual([...warned, "writes are forwarded"]);
  fails = true;
  await send(operation([put("b")]));
  expect(events).toEqual([...warned, ...warned]);
});

test("operations are committed here when this replica is the writer, and when there is none", async () => {
  const { forwarder, state } = await startForwarding(async () => reply());
  state.writer = { ...state.writer, id: "other", self: true };
  forwarder.look();
  expect(forwarder.forward(operation([put("a")]))).toBeUndefined();
});

test("large operations are committed here", async () => {
  const { forwarder } = await startForwarding(async () => reply());
  expect(forwarder.forward(operation([put("a", "x".repeat(1024 * 1024))]))).toBeUndefined();
});

test.each([
  ["has no encoding", operation([put("a")], check("a", { revision: 2 ** 63 }))],
  ["is larger than a request", operation([put("a", "x".repeat(3_000))])],
])("an operation that %s is committed here, and spoils no other", async (_, poison) => {
  const limits = { queueBytesMax: 200_000, requestBytesMax: 3_000 };
  const { forwarder, requests } = await startForwarding(
    async (operations) => reply(...operations.map(() => stored)),
    { limits },
  );
  const other = forwarder.forward(operation([put("b")]));
  expect(forwarder.forward(poison)).toBeUndefined();
  expect(await other).toMatchObject({ revision: 7 });
  expect(requests).toEqual([1]);
  expect(forwarder.forward(operation([put("b")]))).toBeDefined();
});

test("requests are no larger than a request may be", async () => {
  const bytes: number[] = [];
  const limits = { queueBytesMax: 200_000, requestBytesMax: 3_000 };
  const { send } = await startForwarding(
    async (operations) => {
      bytes.push(operations.reduce((sum, { length }) => sum + length, 0));
      return reply(...operations.map(() => stored));
    },
    { limits },
  );
  const outcomes = await Promise.all(
    Array.from({ length: 10 }, (_, index) => send(operation([put(`${index}`, "x".repeat(1_000))]))),
  );
  expect(new Set(outcomes)).toEqual(new Set(["OK"]));
  expect(bytes).toHaveLength(5);
  expect(Math.max(...bytes)).toBeLessThanOrEqual(3_000);
});

test("what waits for a writer that hangs is committed here when another one is the writer", async () => {
  const { forwarder, state, send, here, requests } = await startForwarding(() => new Promise(() => {}));
  for (let index = 1; index <= 2; index++) {
    void send(operation([put("sent")]));
    await until(() => requests.length === index);
  }
  const waiting = [operation([put("a")]), operation([put("b")])];
  const outcomes = waiting.map(send);
  state.writer = { ...state.writer, id: "other" };
  forwarder.look();
  expect(await Promise.all(outcomes)).toEqual(["OK", "OK"]);
  expect(here).toEqual(waiting);
});

test("requests that hang at a former writer do not delay those to the next", async () => {
  const { forwarder, state, send, requests } = await startForwarding((operations) =>
    state.writer.id === "w" ? new Promise(() => {}) : Promise.resolve(reply(...operations.map(() => stored))),
  );
  for (let index = 1; index <= 2; index++) {
    void send(operation([put("sent")]));
    await until(() => requests.length === index);
  }
  state.writer = { ...state.writer, id: "other" };
  forwarder.look();
  await turn();
  expect(await forwarder.forward(operation([put("a")]))).toMatchObject({ revision: 7 });
});

test("what is committed here takes room in the queue, too", async () => {
  const { send } = await startForwarding(async () => reply(stored), { queueBytes: 150_000 });
  expect(await send(operation([put("a", "x".repeat(60_000))]))).toBe("OVERLOADED");
  expect(await send(operation([put("a")]))).toBe("OK");
});

test("operations beyond the limit of the queue are refused", async () => {
  const responses = Promise.withResolvers<Reply>();
  const { send } = await startForwarding(() => responses.promise);
  const large = operation([put("a", "x".repeat(60_000))]);
  const first = send(large);
  expect(await send(large)).toBe("OVERLOADED");
  responses.resolve(reply(stored));
  expect(await first).toBe("OK");
});

test.each([
  ["delete", operation([remove("a")]), { deleted: true }],
  ["touch", operation([touch("a", 1500)], check("a", { revision: 3 })), { entry }],
])("a %s is forwarded with its checks", async (_, each, result) => {
  const sent: unknown[] = [];
  const { forwarder } = await startForwarding(async (operations) => {
    sent.push(...operations);
    return reply({ kind: { case: "committed", value: { revision: 7n, results: [result] } } });
  });
  expect(await forwarder.forward(each)).toMatchObject({ revision: 7 });
  expect(sent.length).toBeGreaterThan(0);
});
