import { create, type Message } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextKey, type HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { GetRequestSchema, KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { toConnectError } from "../../src/service/connect-error.ts";
import { type Caller, Invocation, invokeUnary } from "../../src/wire/invocation.ts";
import { createMethodTable, type MethodEntry, registerService } from "../../src/wire/method-table.ts";

const request = create(GetRequestSchema);

function entryOf(get: (context: HandlerContext) => Promise<object> | object): MethodEntry {
  const table = createMethodTable([
    registerService(KeyValueService, { get: (_request, context) => get(context) }),
  ]);
  return table.get("/duetkv.v1.KeyValueService/Get") as MethodEntry;
}

function caller(): Caller & { leave: () => void; looks: number } {
  return {
    looks: 0,
    leave: () => {},
    protocolName: "test",
    requestMethod: "GET",
    url: "http://x/",
    requestHeader() {
      this.looks++;
      return new Headers({ a: "b" });
    },
    whenGone(callback) {
      this.looks++;
      this.leave = callback;
    },
  };
}

const never = new AbortController().signal;

function invoke(entry: MethodEntry, message: Message, invocation: Invocation): Promise<object> {
  return new Promise((resolve, reject) => {
    const succeed = (answer: object) => resolve(answer);
    invokeUnary(entry, message, invocation, { succeed, fail: reject });
  });
}

test("a handler that looks at nothing costs nothing", async () => {
  const from = caller();
  const entry = entryOf(() => ({ revision: 3n }));
  const answer = await invoke(entry, request, new Invocation(entry, from, never));
  expect(answer).toEqual({ revision: 3n });
  expect(from.looks).toBe(0);
});

test("a handler finds all of a context, each thing made once", async () => {
  const from = caller();
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
  const invocation = new Invocation(entry, from, never);
  await invoke(entry, request, invocation);
  expect(invocation.responseHeaderIfAny?.get("x")).toBe("y");
  expect(from.looks).toBe(2);
});

test("the signal aborts when the peer leaves, at shutdown, and when the call is over", async () => {
  const from = caller();
  const shutdown = new AbortController();
  const signals: AbortSignal[] = [];
  const entry = entryOf((context) => {
    signals.push(context.signal);
    return {};
  });
  const left = new Invocation(entry, from, never);
  void left.signal;
  from.leave();
  expect(ConnectError.from(left.signal.reason).code).toBe(Code.Canceled);
  const stopped = new Invocation(entry, caller(), shutdown.signal);
  void stopped.signal;
  shutdown.abort(new ConnectError("bye", Code.Unavailable));
  expect(stopped.signal.reason).toBe(shutdown.signal.reason);
  expect(new Invocation(entry, caller(), shutdown.signal).signal.aborted).toBe(true);
  await invoke(entry, request, new Invocation(entry, caller(), never));
  expect(signals[0]?.aborted).toBe(true);
});

test.each([0, 20])("a deadline of %i ms answers for a handler that does not", async (timeoutMs) => {
  let signal: AbortSignal | undefined;
  const entry = entryOf((context) => {
    signal = context.signal;
    return new Promise(() => {});
  });
  const call = invoke(entry, request, new Invocation(entry, caller(), never, timeoutMs));
  await expect(call).rejects.toMatchObject({ code: Code.DeadlineExceeded });
  expect(signal?.aborted).toBe(true);
});

test("a handler that is not there is unimplemented, and one that throws is heard", async () => {
  const table = createMethodTable([registerService(KeyValueService, {})]);
  const missing = table.get("/duetkv.v1.KeyValueService/Get") as MethodEntry;
  await expect(invoke(missing, request, new Invocation(missing, caller(), never))).rejects.toMatchObject({
    code: Code.Unimplemented,
  });
  const failure = new Error("x");
  const failing = entryOf(() => Promise.reject(failure));
  await expect(invoke(failing, request, new Invocation(failing, caller(), never))).rejects.toBe(failure);
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
