import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { GetRequestSchema, KeyValueService } from "../../../gen/duetkv/v1/key_value_pb.ts";
import { toConnectError } from "../../../src/service/connect-error.ts";
import { requestHeader } from "../../../src/telemetry/request-header.ts";
import { Call } from "../../../src/wire/call/call.ts";
import { Compression } from "../../../src/wire/call/compression.ts";
import type { Exchange } from "../../../src/wire/call/exchange.ts";
import { createMethodTable, type MethodEntry, registerService } from "../../../src/wire/method-table.ts";
import { findErrorInfo } from "../../../src/wire/wire-error.ts";

const request = create(GetRequestSchema);

function entryOf(get: (context: HandlerContext) => Promise<object> | object): MethodEntry {
  const table = createMethodTable([
    registerService(KeyValueService, { get: (_request, context) => get(context) }),
  ]);
  return table.get("/duetkv.v1.KeyValueService/Get") as MethodEntry;
}

interface FakeExchange extends Exchange {
  leave: () => void;
  looks: number;
}

/** An exchange of which nothing is there but what a context looks at. */
function exchange(): FakeExchange {
  const fake = {
    looks: 0,
    leave: () => {},
    encrypted: false,
    method: "GET",
    target: "/",
    hasBody: false,
    headersSent: false,
    gone: false,
    get headers() {
      fake.looks++;
      return { host: "x", a: "b" };
    },
    header: (name: string) => (name === "a" ? "b" : undefined),
    whenEnding() {},
    whenGone(callback: () => void) {
      fake.looks++;
      fake.leave = callback;
    },
  };
  return fake as unknown as FakeExchange;
}

const never = new AbortController().signal;

interface Started {
  readonly call: Call;
  /** The response, or the error that the client would get. */
  readonly outcome: Promise<object>;
  /** What is logged as an error. */
  readonly lines: readonly object[];
  /** Errors that are counted. */
  readonly reported: readonly ConnectError[];
}

function start(
  entry: MethodEntry,
  from: Exchange = exchange(),
  shutdownSignal = never,
  timeoutMs?: number,
): Started {
  const { promise, resolve, reject } = Promise.withResolvers<object>();
  const protocol = {
    name: "test",
    takesBody: false,
    bodyBytesMax: (bytes: number) => bytes,
    decode: () => request,
    respond: (_call: Call, response: object) => resolve(response),
    fail: (_call: Call, error: ConnectError) => reject(error),
  };
  const lines: object[] = [];
  const log = { debug() {}, warn() {}, error: (fields: object) => void lines.push(fields) };
  const compression = new Compression();
  const reported: ConnectError[] = [];
  const onError = (_path: string, error: ConnectError): void => void reported.push(error);
  const options = { requestBytesMax: 1000, compression, shutdownSignal, log, onError };
  const call = new Call(entry, from, protocol, options, timeoutMs);
  promise.catch(() => {});
  return { call, outcome: promise, lines, reported };
}

function begin(entry: MethodEntry, from?: Exchange, timeoutMs?: number): Promise<object> {
  const { call, outcome } = start(entry, from, never, timeoutMs);
  call.begin();
  return outcome;
}

test("a handler that looks at nothing costs nothing", async () => {
  const from = exchange();
  const entry = entryOf(() => ({ revision: 3n }));
  expect(await begin(entry, from)).toEqual({ revision: 3n });
  expect(from.looks).toBe(0);
});

test("a header is found without a copy of all headers", async () => {
  const from = exchange();
  const entry = entryOf((context) => {
    expect(requestHeader(context, "a")).toBe("b");
    expect(requestHeader(context, "c")).toBeUndefined();
    return {};
  });
  await begin(entry, from);
  expect(from.looks).toBe(0);
});

test("a handler finds all of a context, each thing made once", async () => {
  const from = exchange();
  const key = createContextKey("none");
  const entry = entryOf((context) => {
    context.values.set(key, "value");
    context.responseHeader.set("x", "y");
    expect(context.values.get(key)).toBe("value");
    expect(context.requestHeader.get("a")).toBe("b");
    expect(context.requestHeader).toBe(context.requestHeader);
    expect(context.signal).toBe(context.signal);
    expect(context.service).toBe(KeyValueService);
    expect(context.method.name).toBe("Get");
    expect(context.timeoutMs()).toBeUndefined();
    return {};
  });
  const { call, outcome } = start(entry, from);
  call.begin();
  await outcome;
  expect(call.responseHeaderIfAny?.get("x")).toBe("y");
  expect(from.looks).toBe(2);
});

test("the signal aborts when the peer leaves, at shutdown, and when the call is over", async () => {
  const from = exchange();
  const shutdown = new AbortController();
  const signals: AbortSignal[] = [];
  const entry = entryOf((context) => {
    signals.push(context.signal);
    return {};
  });
  const left = start(entry, from).call;
  void left.signal;
  from.leave();
  expect(ConnectError.from(left.signal.reason).code).toBe(Code.Canceled);
  const stopped = start(entry, exchange(), shutdown.signal).call;
  void stopped.signal;
  shutdown.abort(new ConnectError("bye", Code.Unavailable));
  expect(stopped.signal.reason).toBe(shutdown.signal.reason);
  expect(start(entry, exchange(), shutdown.signal).call.signal.aborted).toBe(true);
  await begin(entry);
  expect(signals[0]?.aborted).toBe(true);
});

test.each([0, 20])("a deadline of %i ms answers for a handler that does not", async (timeoutMs) => {
  let signal: AbortSignal | undefined;
  const entry = entryOf((context) => {
    signal = context.signal;
    return new Promise(() => {});
  });
  await expect(begin(entry, exchange(), timeoutMs)).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  // One that has passed before the call begins ends it without the handler.
  expect(signal?.aborted).toBe(timeoutMs === 0 ? undefined : true);
});

test("a handler that is not there is unimplemented, and one that throws is heard", async () => {
  const table = createMethodTable([registerService(KeyValueService, {})]);
  const missing = table.get("/duetkv.v1.KeyValueService/Get") as MethodEntry;
  await expect(begin(missing)).rejects.toMatchObject({
    code: Code.Unimplemented,
  });
  const failing = entryOf(() => Promise.reject(new ConnectError("x", Code.Aborted)));
  await expect(begin(failing)).rejects.toMatchObject({ code: Code.Aborted });
});

test("an unexpected error has the id under which the log has its cause", async () => {
  const header = (name: string) => (name === "x-request-id" ? "abc-1" : undefined);
  const from = { ...exchange(), header };
  const cause = new Error("secret");
  const { call, outcome, lines } = start(
    entryOf(() => Promise.reject(cause)),
    from,
  );
  call.begin();
  const error = await outcome.catch((thrown: unknown) => ConnectError.from(thrown));
  expect(findErrorInfo(error as ConnectError)).toMatchObject({
    reason: "INTERNAL",
    metadata: { request_id: "abc-1" },
  });
  expect(lines).toEqual([{ err: cause, path: "/duetkv.v1.KeyValueService/Get", requestId: "abc-1" }]);
});

test("an error that no client gets is logged if it is unexpected, and not reported", async () => {
  const failing = Promise.withResolvers<object>();
  const from = exchange();
  const { call, lines, reported } = start(
    entryOf(() => failing.promise),
    from,
  );
  call.begin();
  Object.assign(from, { gone: true });
  const cause = new Error("secret");
  failing.reject(cause);
  await expect.poll(() => lines).toMatchObject([{ err: cause }]);
  expect(reported).toEqual([]);
});

test("a service cannot be registered twice", () => {
  const twice = [registerService(KeyValueService, {}), registerService(KeyValueService, {})];
  expect(() => createMethodTable(twice)).toThrow("twice");
});

test("what was thrown is shown only when it was meant to be", () => {
  const meant = new ConnectError("x", Code.NotFound);
  expect(toConnectError(meant)).toBe(meant);
  expect(toConnectError(new Error("secret"))).toMatchObject({
    code: Code.Internal,
    rawMessage: "internal error",
  });
  expect(toConnectError("secret").rawMessage).toBe("internal error");
  expect(toConnectError(new DOMException("x", "AbortError")).code).toBe(Code.Canceled);
});
