import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";

/** A key that this process holds and that no other process gets meanwhile. */
export interface Lease {
  /**
   * The fencing token. It grows with every holder; the protected resource must refuse a lower one than it has seen.
   */
  readonly fence: string;
  /** Resolves with the cause when the lease is lost, before another process can acquire it. */
  readonly lost: Promise<string>;
  /** Releases the key, unless the lease is lost. */
  release(): Promise<void>;
}

/**
 * Holds a key that was put at `asked` (by performance.now(), before the call) with this time to live, and renews it
 * three times within that. The lease is lost when the key is deleted or changed, or when it was not renewed in time
 * by the clock of this process, which began to count before the service did.
 */
export function holdLease(client: Client, key: string, fence: string, ttlMs: number, asked: number): Lease {
  const lost = Promise.withResolvers<string>();
  const request = { key, ttl: `${ttlMs / 1000}s`, precondition: { revision: fence } };
  let ended = false;
  let renewal = setTimeout(renew, ttlMs / 3);
  let expiry = expireAt(asked + ttlMs);

  function end(reason: string): void {
    ended = true;
    clearTimeout(renewal);
    clearTimeout(expiry);
    lost.resolve(reason);
  }

  function expireAt(time: number): NodeJS.Timeout {
    const message = `it was not renewed within ${ttlMs / 1000} s`;
    return setTimeout(() => end(message), Math.max(time - performance.now(), 0));
  }

  function renew(): void {
    touch().catch((error: unknown) => end(`renewing failed: ${String(error)}`));
  }

  async function touch(): Promise<void> {
    const sent = performance.now();
    let nextMs = ttlMs / 3;
    try {
      await client.write("Touch", request);
      if (ended) return;
      clearTimeout(expiry);
      expiry = expireAt(sent + ttlMs);
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      const { reason } = error.details;
      if (reason === "NO_SUCH_KEY" || reason === "REVISION_MISMATCH") end("the key was deleted or taken");
      // After any other error a renewal may still succeed before the lease expires.
      nextMs = ttlMs / 10;
    }
    if (!ended) renewal = setTimeout(renew, nextMs);
  }

  return {
    fence,
    lost: lost.promise,
    async release() {
      if (ended) return;
      end("released");
      try {
        await client.write("Delete", { key, precondition: { revision: fence } });
      } catch (error) {
        // The entry expires on its own.
        if (!(error instanceof CallError)) throw error;
      }
    },
  };
}
