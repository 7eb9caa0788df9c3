import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import type { CommitResponse } from "../client/messages.ts";
import { Latencies } from "./latencies.ts";

/** Keys that are read and written, in random order. */
const keyCount = 1000;

export interface Load {
  /** Each client calls one after the other, on its own connection. */
  readonly clients: readonly Client[];
  readonly seconds: number;
  readonly sizeBytes: number;
  /** The share of reads of all calls, from 0 to 1. */
  readonly readShare: number;
  /** All keys begin with this. */
  readonly prefix: string;
  readonly signal: AbortSignal;
  /** Receives the number of calls after each call. */
  readonly onCall: (calls: number) => void;
}

export interface LoadResult {
  readonly seconds: number;
  readonly reads: Latencies;
  readonly writes: Latencies;
  /** The number of failed calls by reason. */
  readonly errors: ReadonlyMap<string, number>;
}

/** Writes each key once, or fewer when `signal` is aborted. Rejects with CallError. */
export async function prepareKeys(
  client: Pick<Client, "write">,
  { prefix, sizeBytes, signal }: Pick<Load, "prefix" | "sizeBytes" | "signal">,
): Promise<void> {
  const value = "x".repeat(sizeBytes);
  const batchSize = Math.max(1, Math.min(500, Math.floor(1_000_000 / (sizeBytes + 100))));
  for (let start = 0; start < keyCount && !signal.aborted; start += batchSize) {
    const count = Math.min(batchSize, keyCount - start);
    const mutations = Array.from({ length: count }, (_, index) => ({
      put: { key: toKey(prefix, start + index), value },
    }));
    await client.write<CommitResponse>("Commit", { mutations });
  }
}

/** Calls until the time is over or `signal` is aborted; failed calls are counted. */
export async function runLoad(load: Load): Promise<LoadResult> {
  const [reads, writes] = [new Latencies(), new Latencies()];
  const errors = new Map<string, number>();
  const value = "x".repeat(load.sizeBytes);
  const start = performance.now();
  const end = start + load.seconds * 1000;
  let calls = 0;

  async function callRepeatedly(client: Client): Promise<void> {
    while (performance.now() < end && !load.signal.aborted) {
      const isRead = Math.random() < load.readShare;
      const key = toKey(load.prefix, Math.floor(Math.random() * keyCount));
      const sent = performance.now();
      try {
        await (isRead ? client.read("Get", { key }) : client.write("Put", { key, value }));
        (isRead ? reads : writes).record(performance.now() - sent);
      } catch (error) {
        if (!(error instanceof CallError)) throw error;
        const reason = error.details.reason || error.details.code.toUpperCase();
        errors.set(reason, (errors.get(reason) ?? 0) + 1);
      }
      load.onCall(++calls);
    }
  }

  await Promise.all(load.clients.map(callRepeatedly));
  return { seconds: (performance.now() - start) / 1000, reads, writes, errors };
}

function toKey(prefix: string, index: number): string {
  return `${prefix}${String(index).padStart(4, "0")}`;
}
