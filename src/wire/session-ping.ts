import type { Http2Session } from "node:http2";

/** How often an HTTP/2 peer must show that it is still there, and how long it may take to answer. */
export interface PingTimes {
  readonly intervalMs: number;
  readonly timeoutMs: number;
}

/** Destroys a session whose peer has gone without a word: TCP alone would notice only after many minutes. */
export function pingSession(session: Http2Session, { intervalMs, timeoutMs }: PingTimes): void {
  let deadline: NodeJS.Timeout | undefined;
  const interval = setInterval(() => {
    // Node allows ten that are not answered; one is enough.
    if (deadline !== undefined || session.closed || session.destroyed) return;
    deadline = setTimeout(() => session.destroy(), timeoutMs).unref();
    session.ping(() => {
      clearTimeout(deadline);
      deadline = undefined;
    });
  }, intervalMs).unref();
  session.once("close", () => {
    clearInterval(interval);
    clearTimeout(deadline);
  });
}
