import { setTimeout as delay } from "node:timers/promises";
import { backoffMs } from "./backoff.ts";
import { CallError, type CallErrorDetails, isTransient } from "./call-error.ts";
import type { Client } from "./client.ts";
import type { WatchResponse } from "./messages.ts";

/** The server sends a heartbeat every 15 s; two may be lost. */
const silenceMs = 35_000;

const endedByServer: CallErrorDetails = {
  code: "unavailable",
  reason: "CONNECTION_LOST",
  message: "the server ended the watch",
  metadata: {},
  outcome: "nothing",
};

export interface WatchRequest {
  readonly key?: string;
  readonly prefix?: string;
  readonly startRevision?: string;
  readonly includeExisting?: boolean;
  readonly previous?: boolean;
}

export interface WatchInterruption {
  readonly error: CallError;
  /** The revision to resume from; undefined: start over, with existing entries. */
  readonly resumeRevision: string | undefined;
}

/**
 * Watches without end. When the stream breaks, it resumes with the first change that was not delivered, and calls
 * `onInterruption`. Rejects with CallError when the watch cannot start, or cannot resume without a gap.
 */
export async function* followWatch(
  client: Client,
  request: WatchRequest,
  onInterruption: (interruption: WatchInterruption) => void,
): AsyncGenerator<WatchResponse, void, undefined> {
  const startBy = performance.now() + client.timeoutMs;
  let started = false;
  let resumeRevision = request.startRevision;
  for (let failures = 0; ; ) {
    try {
      const { includeExisting, ...target } = request;
      const from = resumeRevision === undefined ? { includeExisting } : { startRevision: resumeRevision };
      for await (const response of client.stream<WatchResponse>("Watch", { ...target, ...from }, silenceMs)) {
        started = true;
        failures = 0;
        yield response;
        resumeRevision = response.resumeRevision ?? resumeRevision;
      }
      throw new CallError(endedByServer);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const { reason } = error.details;
      failures++;
      if (reason === "REVISION_COMPACTED" && request.includeExisting === true) resumeRevision = undefined;
      else if (!isTransient(error) && reason !== "WATCHER_TOO_SLOW" && !client.renewToken(error)) throw error;
      if (started) onInterruption({ error, resumeRevision });
      else if (performance.now() > startBy) throw error;
    }
    client.useNextServer();
    await delay(backoffMs(failures));
  }
}
