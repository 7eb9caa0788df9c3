import { getEventListeners } from "node:events";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ForbiddenError, UnavailableError, UnknownOutcomeError } from "../../clients/typescript/src/index.ts";
import { lock } from "../../clients/typescript/src/lock.ts";
import { memory } from "../../clients/typescript/src/memory.ts";
import { until } from "../support/until.ts";
import { entryResponse, failure, open } from "./fake-transport.ts";

const unavailable = failure("unavailable");
const expired = failure("unauthenticated", { reason: "TOKEN_EXPIRED" });

describe("of several servers", () => {
  function openTwo(options: object = {}) {
    const calls: string[] = [];
    const client = open(
      {
        async unary({ url }) {
          calls.push(url);
          await delay(1);
          if (url === "dead") throw unavailable;
          return entryResponse;
        },
      },
      { url: ["dead", "live"], ...options },
    );
    return { client, calls };
  }

  test.each([1, 2, 10, 40])("%i calls that fail together all go on to the next", async (count) => {
    const { client, calls } = openTwo();
    await Promise.all(Array.from({ length: count }, () => client.get("k")));
    await client.get("k");
    expect(calls.filter((url) => url === "dead")).toHaveLength(count);
  });

  test("a call that may not be repeated sends the following ones to the next", async () => {
    const { client, calls } = openTwo({ retry: false });
    await expect(client.get("k")).rejects.toThrow(UnavailableError);
    await client.get("k");
    expect(calls).toEqual(["dead", "live"]);
  });
});

describe("the outcome of a write", () => {
  /** The first try has an unknown outcome, the second fails with the error. */
  function openWith(error: Error, urls: string | string[] = "test:") {
    let tries = 0;
    return open(
      {
        async unary() {
          throw tries++ === 0 ? failure("unavailable", { outcome: "unknown" }) : error;
        },
      },
      { url: urls },
    );
  }

  test.each([
    failure("permission_denied", { reason: "RIGHT_MISSING" }),
    expired,
    failure("unimplemented"),
    failure("invalid_argument", { reason: "REQUEST_ID_EXPIRED" }),
  ])("is unknown when the repeat is refused unseen: $message", async (error) => {
    await expect(openWith(error).put("k", "1")).rejects.toThrow(UnknownOutcomeError);
  });

  test("is known from the server that has the first try, and from no other", async () => {
    const exists = failure("already_exists", { reason: "KEY_EXISTS" });
    await expect(openWith(exists).create("k", "1")).rejects.toMatchObject({
      reason: "KEY_EXISTS",
      outcome: "nothing",
    });
    const two = openWith(exists, ["one", "two"]);
    await expect(two.create("k", "1")).rejects.toThrow(UnknownOutcomeError);
  });

  test("is unknown when the first try may still wait in the server that judged the last", async () => {
    const errors = [
      failure("deadline_exceeded", { outcome: "unknown" }),
      failure("unavailable"),
      failure("already_exists", { reason: "KEY_EXISTS" }),
    ];
    const urls: string[] = [];
    const client = open(
      {
        async unary({ url }) {
          urls.push(url);
          throw errors.shift() ?? new Error("more tries than expected");
        },
      },
      { url: ["one", "two"] },
    );
    await expect(client.create("k", "1")).rejects.toThrow(UnknownOutcomeError);
    expect(urls).toEqual(["one", "two", "one"]);
  });

  test("of a first try is that of the error", async () => {
    const client = open({ unary: async () => Promise.reject(failure("permission_denied")) });
    await expect(client.put("k", "1")).rejects.toThrow(ForbiddenError);
  });

  test("is nothing when the call was aborted before it was sent", async () => {
    const client = open({});
    const put = client.put("k", "1", { signal: AbortSignal.abort() });
    await expect(put).rejects.toMatchObject({ code: "canceled", outcome: "nothing" });
    await client.close();
    await expect(client.put("k", "1")).rejects.toMatchObject({ code: "canceled", outcome: "nothing" });
  });
});

describe("credentials", () => {
  test("are renewed once for calls that are refused together", async () => {
    let asked = 0;
    const client = open(
      {
        async unary({ token }) {
          await delay(Math.random() * 5);
          if (token !== "2") throw expired;
          return entryResponse;
        },
      },
      { credentials: async () => String(++asked) },
    );
    await Promise.all(Array.from({ length: 50 }, () => client.get("k")));
    expect(asked).toBe(2);
  });

  test("that do not come end calls in time, when they are aborted, and when the client is closed", async () => {
    let asked = 0;
    const client = open({}, { credentials: () => new Promise(() => void asked++) });
    await expect(client.put("k", "1", { timeoutMs: 5 })).rejects.toMatchObject({
      code: "deadline_exceeded",
      outcome: "nothing",
    });
    const signal = AbortSignal.timeout(5);
    await expect(client.get("k", { signal })).rejects.toMatchObject({ code: "canceled" });
    const last = client.get("k");
    await client.close();
    await expect(last).rejects.toMatchObject({ code: "canceled" });
    // Only the one whose time was over is given up: others may wait for the same.
    expect(asked).toBe(2);
  });

  test("that cannot be had fail the call, and are asked for again by the next", async () => {
    let asked = 0;
    const credentials = async () => {
      if (++asked === 1) throw new Error("no network");
      return "token";
    };
    const client = open({}, { credentials });
    await expect(client.get("k")).rejects.toMatchObject({ message: "no credentials: no network" });
    expect((await client.get("k"))?.value).toBe("v");
  });
});

test("a signal holds nothing of calls, watches and clients that are over", async () => {
  const { signal } = new AbortController();
  const client = open(
    {
      async *stream() {
        yield { revision: "1", resumeRevision: "1" };
      },
    },
    { signal },
  );
  await client.get("k", { signal });
  await client.put("k", "v", { signal });
  for await (const _ of client.watch({ prefix: "" }, { signal })) break;
  expect(getEventListeners(signal, "abort")).toHaveLength(1);
  await client.close();
  expect(getEventListeners(signal, "abort")).toHaveLength(0);
});

test("signals of calls, watches and locks need no AbortSignal.any, which not all browsers have", async () => {
  vi.spyOn(AbortSignal, "any").mockImplementation(() => {
    throw new TypeError("AbortSignal.any is not a function");
  });
  onTestFinished(() => void vi.restoreAllMocks());
  const controller = new AbortController();
  await using client = memory({ signal: new AbortController().signal });
  const lease = await lock(client, "l", { signal: controller.signal });
  const waiting = lock(client, "l", { signal: controller.signal });
  const watch = client.watch({ prefix: "" }, { signal: controller.signal });
  const ended = Array.fromAsync(watch);
  await until(() => watch.state === "live");
  controller.abort(new Error("enough"));
  await expect(waiting).rejects.toThrow("enough");
  expect(await ended).toHaveLength(1);
  expect(lease.signal.aborted).toBe(false);
  await lease.release();
});

test("a time that no timer can hold is not over at once", async () => {
  const timeouts: number[] = [];
  const client = open({
    async unary({ timeoutMs }) {
      timeouts.push(timeoutMs);
      return entryResponse;
    },
  });
  for (const timeoutMs of [Number.POSITIVE_INFINITY, 2 ** 31]) await client.get("k", { timeoutMs });
  expect(timeouts).toEqual([2 ** 31 - 1, 2 ** 31 - 1]);
});

test("an error whose outcome is known better has the name of its own class", async () => {
  const lost = failure("internal", { outcome: "unknown" });
  const client = open({ unary: () => Promise.reject(lost) });
  const error: unknown = await client.get("k").catch((reason: unknown) => reason);
  expect([lost.name, (error as Error).name]).toEqual(["UnknownOutcomeError", "DuetError"]);
});
