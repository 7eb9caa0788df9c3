import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "vitest";
import { CallError } from "../../../src/cli/client/call-error.ts";
import type { Client } from "../../../src/cli/client/client.ts";
import { acquireLease } from "../../../src/cli/lease/acquire-lease.ts";

function failure(code: string, reason: string): CallError {
  return new CallError({ code, reason, message: reason, metadata: {}, outcome: "nothing" });
}

const held = failure("already_exists", "KEY_EXISTS");
const away = failure("unavailable", "UNREACHABLE");

/** Acquires a lease from a service that responds to the puts in turn, and whose watches are interrupted at once. */
async function acquire(puts: readonly (CallError | (() => Promise<void>))[], ttlMs = 60_000) {
  let calls = 0;
  const client: Pick<Client, "write" | "stream" | "renewToken" | "close"> = {
    async write<Response>() {
      const put = puts[calls++];
      if (put instanceof CallError) throw put;
      await put?.();
      return { revision: String(calls) } as Response;
    },
    async *stream<Message>() {
      yield { existing: [], events: [], existingEnd: false } as Message;
      throw away;
    },
    renewToken: () => false,
    close() {},
  };
  const options = { key: "l", value: "", ttlMs, waitMs: 120_000 };
  const lease = await acquireLease(() => client as Client, options);
  await lease?.release();
  return lease?.fence;
}

test("a lock that is held is waited for while the service is away", async () => {
  const lost = new CallError({ ...away.details, code: "deadline_exceeded", outcome: "unknown" });
  expect(await acquire([held, away, lost])).toBe("4");
});

test("a service that does not respond to the first call is not waited for", async () => {
  await expect(acquire([away])).rejects.toBe(away);
});

test("a put that is refused ends the waiting", async () => {
  const denied = failure("permission_denied", "RIGHT_MISSING");
  await expect(acquire([held, denied])).rejects.toBe(denied);
});

test("a lease whose time was over when the response came is not held", async () => {
  expect(await acquire([async () => delay(1100)], 1000)).not.toBe("1");
});
