import type { EndReason } from "./end-reasons.ts";
import { KeepAlive } from "./keep-alive.ts";
import type { Http2Limits } from "./limits.ts";
import { StallTimer } from "./stall-timer.ts";
import type { Stream } from "./stream.ts";

/** What a sweep looks at. The numbers tell one state from another: see StallTimer. */
export interface ConnectionState {
  readonly settingsReceived: boolean;
  readonly settingsAcknowledged: boolean;
  readonly partialFrame: number | undefined;
  readonly partialBlock: number | undefined;
  /** Of the socket's writes, while it has not taken all. */
  readonly writeProgress: number | undefined;
  readonly openStreams: number;
  readonly lastStreamId: number;
}

/** The times of one connection. Nothing has a timer of its own: a sweep over all connections looks at each. */
export class ConnectionTimes {
  readonly keepAlive: KeepAlive;
  readonly #limits: Http2Limits;
  readonly #openedAt: number;
  readonly #drainAt: number;
  #closeAt = Number.POSITIVE_INFINITY;
  #endStreamsAt = Number.POSITIVE_INFINITY;
  readonly #frame = new StallTimer();
  readonly #block = new StallTimer();
  readonly #write = new StallTimer();
  readonly #idle = new StallTimer();

  constructor(limits: Http2Limits, now: number) {
    this.keepAlive = new KeepAlive(limits);
    this.#limits = limits;
    this.#openedAt = now;
    const jitter = 0.9 + 0.2 * Math.random();
    this.#drainAt = limits.ageMs > 0 ? now + limits.ageMs * jitter : Number.POSITIVE_INFINITY;
  }

  /** Sets the time at which the connection is closed, even with streams open. */
  closeBy(time: number): void {
    this.#closeAt = Math.min(this.#closeAt, time);
  }

  /** Sets the time at which streams are asked to end. */
  endStreamsBy(time: number): void {
    this.#endStreamsAt = time;
  }

  /** Whether streams are to be asked to end now. True once. */
  mustEndStreams(now: number): boolean {
    if (now < this.#endStreamsAt) return false;
    this.#endStreamsAt = Number.POSITIVE_INFINITY;
    return true;
  }

  /** Why the connection is to be closed now, if it is. */
  expired(state: ConnectionState, now: number): EndReason | undefined {
    const { prefaceMs, settingsMs, headerMs, stallMs } = this.#limits;
    const age = now - this.#openedAt;
    if (!state.settingsReceived && age >= prefaceMs) return "preface_timeout";
    if (!state.settingsAcknowledged && age >= settingsMs) return "settings_timeout";
    if (this.#frame.elapsed(state.partialFrame, now) >= headerMs) return "header_timeout";
    if (this.#block.elapsed(state.partialBlock, now) >= headerMs) return "header_timeout";
    if (this.#write.elapsed(state.writeProgress, now) >= stallMs) return "write_stalled";
    if (now >= this.#closeAt) return "drain_timeout";
    return undefined;
  }

  /** Why the connection is to be drained now, if it is. */
  drainReason(state: ConnectionState, now: number): "idle" | "age" | undefined {
    if (now >= this.#drainAt) return "age";
    const idleState = state.openStreams === 0 ? state.lastStreamId : undefined;
    const { idleMs } = this.#limits;
    return this.#idle.elapsed(idleState, now) >= idleMs && idleMs > 0 ? "idle" : undefined;
  }

  /** Why a stream is to be reset now, if it is. `hasWindow`: whether the connection's window lets the client send. */
  expiredStream(stream: Stream, hasWindow: boolean, now: number): EndReason | undefined {
    const { bodyMs, stallMs } = this.#limits;
    if (!stream.requestEnded) {
      if (now - stream.openedAt >= bodyMs) return "body_timeout";
      // A client that waits for handlers to consume is not to blame.
      if (hasWindow && stream.unread === 0 && now - stream.receiveProgressAt >= stallMs)
        return "body_stalled";
    }
    if (stream.queue !== undefined && now - stream.sendProgressAt >= stallMs) return "response_stalled";
    return undefined;
  }
}
