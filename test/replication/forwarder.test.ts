import { setImmediate as turn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import type { ForwardResponse } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Operation, Outcome } from "../../src/database.ts";
import { DuetError } from "../../src/errors.ts";
import { silentLogger } from "../../src/logging.ts";
import { Forwarder } from "../../src/replication/forwarder.ts";
import { NotForwardedError } from "../../src/replication/peer.ts";
import { check, operation, outcomeOf, put, remove, repeatable, touch } from "../committer/committing.ts";
import { uuid7 } from "../support/uuid7.ts";

type Reply = Pick<ForwardResponse, "revision" | "outcomes">;

const entry = { key: "", revision: 7n, createRevision: 7n, version: 1n };
const stored = { kind: { case: "committed", value: { revision: 7n, results: [{ entry }] } } };

function failed(reason: string) {
  return { kind: { case: "failure", value: { reason, message: "", metadata: [] } } };
}

function reply(...outcomes: readonly object[]): Reply {
  return { revision: 7n, outcomes } as unknown as Reply;
}

/** A forwarder beside a writer under the control of the test. `respond` is the writer; `commit` is this replica. */
async function startForwarding(
  respond: (operations: readonly unknown[]) => Promise<Reply>,
  commit: (operation: Operation) => Promise<Outcome> = async () => ({ revision: 9, results: [] }),
  reach: (revision: number) => Promise<void> = async () => {},
) {
  const here: Operation[] = [];
  const requests: number[] = [];
  const state = { usable: true, writer: { id: "w", self: false, address: "127.0.0.1:1" } };
  const peer = {
    id: "w",
    get isUsable() {
      return state.usable;
    },
    async forward(operations: readonly unknown[]) {
      requests.push(operations.length);
      return (await respond(operations)) as ForwardResponse;
    },
    leave() {},
    close() {},
  };
  const forwarder = new Forwarder({
    database: {
      writer: () => state.writer,
      reach,
      commitHere: (each) => {
        here.push(each);
        return commit(each);
      },
    },
    openPeer: async () => peer,
    queueBytesMax: 100_000,
    log: silentLogger,
  });
  onTestFinished(() => forwarder.close());
  forwarder.look();
  await turn();
  const send = (each: Operation) => outcomeOf(forwarder.forward(each) ?? commit(each));
  return { forwarder, state, here, requests, send };
}

const request = repeatable(operation([put("a")]), uuid7(Date.now()));

test("an operation has the outcome that the writer responds with, once this replica has applied it", async () => {
  const reached: number[] = [];
  const { forwarder, here } = await startForwarding(
    async (operations) => reply(...operations.map(() => stored)),
    undefined,
    async (revision) => void reached.push(revision),
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
  ["OVERLOADED"],
])("%s of the writer is the response", async (reason) => {
  const { send, here } = await startForwarding(async (operations) =>
    reply(...operations.map(() => failed(reason))),
  );
  expect(await send(request)).toBe(reason);
  expect(here).toEqual([]);
});

test.each([["LOG_UNAVAILABLE"], ["SHUTTING_DOWN"], ["DATABASE_WENT_BACK_IN_TIME"]])(
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
  ["responds with a revision that it has not applied", { ...reply(stored), revision: 6n }],
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

test("the outcome is unknown when the repeat fails: the first may succeed later", async () => {
  const { send } = await startForwarding(
    async () => Promise.reject(new Error("connection lost")),
    async () => Promise.reject(new DuetError("KEY_EXISTS", "")),
  );
  expect(await send(request)).toBe("OUTCOME_UNKNOWN");
});

test("the outcome is unknown when the log does not reach the revision of the writer", async () => {
  const { send } = await startForwarding(
    async (operations) => reply(...operations.map(() => stored)),
    undefined,
    async () => Promise.reject(new DuetError("REVISION_NOT_REACHED", "")),
  );
  expect(await send(operation([put("a")]))).toBe("OUTCOME_UNKNOWN");
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
