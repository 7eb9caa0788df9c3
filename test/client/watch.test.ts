import { expect, test } from "vitest";
import type { WatchMessage } from "../../clients/typescript/src/index.ts";
import { until } from "../support/until.ts";
import { failure, open } from "./fake-transport.ts";

/** A service with the revisions 1 to `last`, whose streams end with the error after the last but `streams` times. */
function openHistory(last: number, error: Error, options: object = {}) {
  const starts: unknown[] = [];
  const client = open(
    {
      async *stream({ message, signal }) {
        const { startRevision } = message as { startRevision?: number };
        starts.push(startRevision);
        const at = startRevision ?? 10;
        yield { revision: String(at), resumeRevision: String(at) };
        for (let revision = at + 1; revision <= Math.min(at + 2, last); revision++) {
          const entry = { key: `k${revision}`, value: "", revision: String(revision), version: "1" };
          yield {
            revision: entry.revision,
            resumeRevision: entry.revision,
            events: [{ type: "PUT", entry }],
          };
        }
        if (at < last) throw error;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      },
    },
    options,
  );
  return { client, starts };
}

function changesOf(messages: readonly WatchMessage<unknown>[]): number[] {
  return messages.flatMap((message) => (message.type === "changes" ? [message.revision] : []));
}

test.each([undefined, 10])(
  "a token that ends in mid-watch loses and repeats nothing, from %s",
  async (from) => {
    let asked = 0;
    const { client, starts } = openHistory(16, failure("unauthenticated", { reason: "TOKEN_EXPIRED" }), {
      credentials: () => String(++asked),
    });
    const messages: WatchMessage<unknown>[] = [];
    for await (const message of client.watch({ prefix: "" }, from === undefined ? {} : { from })) {
      messages.push(message);
      if (message.revision === 16 && message.type === "bookmark") break;
    }
    expect(changesOf(messages)).toEqual([11, 12, 13, 14, 15, 16]);
    expect(starts).toEqual([from, 12, 14, 16]);
    expect(asked).toBe(4);
  },
);

test("a watch whose token is refused at once ends with the error", async () => {
  const client = open(
    {
      async *stream() {
        yield await Promise.reject(failure("unauthenticated"));
      },
    },
    { credentials: () => "token" },
  );
  const next = client.watch()[Symbol.asyncIterator]().next();
  await expect(next).rejects.toMatchObject({ code: "unauthenticated" });
});

test("a server that ends each stream after its first message is asked less and less often", async () => {
  const pauses: number[] = [];
  let streams = 0;
  let endedAt = 0;
  const client = open(
    {
      async *stream() {
        if (streams++ > 0) pauses.push(performance.now() - endedAt);
        yield { revision: "1", resumeRevision: "1" };
        endedAt = performance.now();
        throw failure("unavailable");
      },
    },
    { retry: { baseMs: 2, maxMs: 1000 } },
  );
  const watch = client.watch();
  for await (const _ of watch) if (streams === 7) break;
  // At least half of 2, 4, … 64 ms.
  expect(pauses.at(-1)).toBeGreaterThan(30);
});

test("a watch waits as long as the service asks it to", async () => {
  let streams = 0;
  const client = open({
    async *stream() {
      streams++;
      yield { revision: "1", resumeRevision: "1" };
      throw failure("resource_exhausted", { reason: "RATE_LIMITED", retryAfterMs: 60_000 });
    },
  });
  const watch = client.watch();
  const messages = watch[Symbol.asyncIterator]();
  await messages.next();
  const next = messages.next();
  await until(() => watch.state === "stale");
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(streams).toBe(1);
  await client.close();
  await next;
});

test("what listens to events cannot end a watch", async () => {
  const thrown: unknown[] = [];
  const listeners = process.listeners("uncaughtException");
  process.removeAllListeners("uncaughtException");
  process.once("uncaughtException", (error) => thrown.push(error));
  try {
    const { client } = openHistory(12, failure("unavailable"), {
      onEvent: () => {
        throw new Error("listener");
      },
    });
    const messages: WatchMessage<unknown>[] = [];
    for await (const message of client.watch()) {
      messages.push(message);
      if (messages.length === 4) break;
    }
    expect(changesOf(messages)).toEqual([11, 12]);
    await until(() => thrown.length === 1);
  } finally {
    for (const listener of listeners) process.on("uncaughtException", listener);
  }
});
