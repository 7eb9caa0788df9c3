// The recipes of docs/api.md. Each takes the client that connect.mjs gives.
import { status } from "@grpc/grpc-js";

/**
 * A lock that its holder loses after `seconds` unless it renews it. Resolves with undefined when somebody else has it.
 * `fence` grows with every holder: hand it to what the lock protects, which must refuse a smaller one than it has seen.
 */
export async function tryLock({ call }, key, holder, seconds) {
  const put = { key, value: holder, ttl: { seconds } };
  try {
    const { revision } = await call("put", { ...put, precondition: { exists: false } });
    return {
      fence: revision,
      renew: () => call("touch", { key, ttl: { seconds }, precondition: { revision } }),
      unlock: () => call("delete", { key, precondition: { revision } }),
    };
  } catch (error) {
    if (error.code === status.ALREADY_EXISTS) return undefined;
    throw error;
  }
}

/**
 * Waits until the lock is ours and resolves with it. The watch first tells whether there is a holder, so that the end of
 * a lock is never missed. Rejects with the reason of `signal` when that is aborted, and when the service fails.
 */
export async function becomeLeader(client, key, holder, seconds, signal) {
  for (;;) {
    signal?.throwIfAborted();
    const lock = await tryLock(client, key, holder, seconds);
    if (lock !== undefined) return lock;
    // Also when it was aborted during the call.
    signal?.throwIfAborted();
    let held = false;
    const changes = client.watch({ key, includeExisting: true });
    const cancel = () => changes.cancel();
    signal?.addEventListener("abort", cancel);
    try {
      for await (const { existing = [], existingEnd, events = [] } of changes) {
        if (existing.length > 0) held = true;
        if ((existingEnd && !held) || events.some(({ type }) => type === "DELETE")) break;
      }
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      cancel();
    }
  }
}

/**
 * Adds to a number that many clients may change at once, and resolves with the sum. Rejects when `attemptsMax` writes in
 * a row found that another client had been faster.
 */
export async function increment({ call }, key, by, attemptsMax = 50) {
  for (let attempt = 1; ; attempt++) {
    const { entries = [] } = await call("batchGet", { keys: [key] });
    const [entry] = entries;
    const sum = Number(entry?.value ?? 0) + by;
    const precondition = entry === undefined ? { exists: false } : { revision: entry.revision };
    try {
      await call("put", { key, value: String(sum), precondition });
      return sum;
    } catch (error) {
      const lost = error.code === status.ABORTED || error.code === status.ALREADY_EXISTS;
      if (!lost || attempt === attemptsMax) throw error;
      // Clients that lost together do not try again together.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 10 * attempt));
    }
  }
}

/** How often a watch may end without having delivered anything before its error is thrown. */
const attemptsMax = 12;

/**
 * Keeps a Map equal to all entries below a prefix, and calls `onChange` with it after every transaction. Each time the
 * watch has to start again, `onRetry` is told why. Rejects when that does not help: when nothing more is delivered in
 * `attemptsMax` attempts, as with a message that is larger than this client accepts.
 */
export async function followConfig({ watch }, prefix, onChange, signal, onRetry = console.warn) {
  const config = new Map();
  let resumeRevision;
  let attempts = 0;
  while (!signal.aborted) {
    const from = resumeRevision === undefined ? { includeExisting: true } : { startRevision: resumeRevision };
    const changes = watch({ prefix, ...from });
    const cancel = () => changes.cancel();
    signal.addEventListener("abort", cancel);
    // Entries come in several messages: the map gets them when all are there.
    const existing = [];
    try {
      for await (const message of changes) {
        existing.push(...(message.existing ?? []));
        if (message.existingEnd) {
          config.clear();
          for (const { key, value } of existing.splice(0)) config.set(key, value);
        }
        for (const { type, entry } of message.events ?? []) {
          if (type === "PUT") config.set(entry.key, entry.value);
          else config.delete(entry.key);
        }
        if (message.existingEnd || message.events?.length > 0) {
          attempts = 0;
          onChange(config);
        }
        // Set only when everything up to it has been delivered; until then a new watch begins from the start.
        resumeRevision = message.resumeRevision ?? resumeRevision;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error.code === status.OUT_OF_RANGE) resumeRevision = undefined;
      else if (error.code !== status.UNAVAILABLE && error.code !== status.RESOURCE_EXHAUSTED) throw error;
      if (++attempts === attemptsMax) throw error;
      onRetry(`the watch of ${prefix} ended and starts again: ${error.message}`);
      await new Promise((resolve) => setTimeout(resolve, Math.min(200 * 2 ** attempts, 5000)));
    } finally {
      signal.removeEventListener("abort", cancel);
    }
  }
}
