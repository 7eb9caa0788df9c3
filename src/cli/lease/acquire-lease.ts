import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "../client/backoff.ts";
import { CallError, isTransient } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import type { WatchResponse, WriteResponse } from "../client/messages.ts";
import { holdLease, type Lease } from "./lease.ts";

/** The server sends a heartbeat every 15 s; two may be lost. */
const silenceMs = 35_000;

export interface LeaseOptions {
  readonly key: string;
  readonly value: string;
  readonly ttlMs: number;
  readonly waitMs: number;
}

/**
 * Waits until the key is free and acquires the lease; goes on when the service is away meanwhile. Resolves with undefined
 * when the key did not become free in time. `openClient` is called for one client to acquire and renew it, and for others
 * to wait. Rejects with CallError, also when the service does not respond to the first call.
 */
export async function acquireLease(
  openClient: () => Client,
  { key, value, ttlMs, waitMs }: LeaseOptions,
): Promise<Lease | undefined> {
  const client = openClient();
  const end = performance.now() + waitMs;
  const request = { key, value, ttl: `${ttlMs / 1000}s`, precondition: { exists: false } };
  let isReached = false;
  for (let failures = 0; ; ) {
    const asked = performance.now();
    try {
      const { revision } = await client.write<WriteResponse>("Put", request);
      // The response may come when the time is over, and another process has the lock.
      if (performance.now() < asked + ttlMs) return holdLease(client, key, revision, ttlMs, asked);
      isReached = true;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      if (error.details.reason === "KEY_EXISTS") isReached = true;
      // What such a try may have put expires: nobody renews it.
      else if (!isReached || !mayPass(error) || performance.now() >= end) throw error;
    }
    if (performance.now() >= end) return undefined;
    failures = (await waitUntilFree(openClient(), key, end)) ? 0 : failures + 1;
    if (failures > 0) await delay(Math.max(Math.min(backoffMs(failures), end - performance.now()), 0));
  }
}

/** Whether the service may take the put later. */
function mayPass(error: CallError): boolean {
  const { outcome, code } = error.details;
  return isTransient(error) || outcome === "unknown" || code === "deadline_exceeded";
}

/** Resolves with true when the key was free; with false when `end` has passed or the watch was interrupted. */
async function waitUntilFree(client: Client, key: string, end: number): Promise<boolean> {
  const leftMs = Math.max(end - performance.now(), 0);
  const timer = Number.isFinite(leftMs) ? setTimeout(() => client.close(), leftMs) : undefined;
  let held = false;
  try {
    const request = { key, includeExisting: true, keysOnly: true };
    for await (const message of client.stream<WatchResponse>("Watch", request, silenceMs)) {
      if (message.existing.length > 0) held = true;
      for (const { type } of message.events) held = type === "PUT";
      if (!held && (message.existingEnd || message.events.length > 0)) return true;
    }
    return false;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    client.renewToken(error);
    return false;
  } finally {
    clearTimeout(timer);
  }
}
