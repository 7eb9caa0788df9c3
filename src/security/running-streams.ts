import { DuetError } from "../errors.ts";
import type { Caller } from "./caller.ts";
import type { Identity } from "./identity.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import type { Policy } from "./policy.ts";

/** The longest that a timer can wait, in milliseconds. */
const timerMsMax = 2 ** 31 - 1;

export interface StreamOptions {
  readonly caller: Caller;
  /** Those of the handler. */
  readonly messages: AsyncIterator<unknown> & { ready?(): unknown };
  /** Throws when an identity may not go on. */
  readonly authorize: (identity: Identity) => void;
  /** Called once, with the error by which the stream has ended; undefined when it ended well or its reader left. */
  readonly onOver: (error: unknown) => void;
}

/** Streams that run under a policy: each ends when its caller loses the right to it, or its token ends. */
export class RunningStreams {
  readonly #streams = new Set<GuardedStream>();

  get size(): number {
    return this.#streams.size;
  }

  /** Passes the messages of a handler on. */
  guard(options: StreamOptions): AsyncIterable<unknown> {
    const stream = new GuardedStream(options, () => this.#streams.delete(stream));
    this.#streams.add(stream);
    return stream;
  }

  /** Ends those that a policy does not allow. */
  judge(policy: Policy): void {
    for (const stream of this.#streams) stream.judge(policy);
  }

  /** Ends those whose token is not signed by a key of its issuer any more. */
  verify(jwts: JwtVerifier): void {
    for (const stream of this.#streams) void stream.verify(jwts);
  }
}

/** Not an async generator: with many watchers that would double the cost of a message. */
class GuardedStream implements AsyncIterableIterator<unknown> {
  readonly #options: StreamOptions;
  readonly #forget: () => void;
  #timer: NodeJS.Timeout | undefined = undefined;
  #isOver = false;
  #end: DuetError | undefined = undefined;
  #rejectPending: ((error: DuetError) => void) | undefined = undefined;
  #resumeRevision: bigint | undefined = undefined;

  constructor(options: StreamOptions, forget: () => void) {
    this.#options = options;
    this.#forget = forget;
    this.#endAt(options.caller.identity.expires);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      if (this.#end !== undefined) return reject(this.#end);
      this.#rejectPending = reject;
      this.#options.messages.next().then(
        (result) => this.#deliver(result, resolve),
        (error: unknown) => {
          this.#over(error);
          reject(error);
        },
      );
    });
  }

  /** The next message, if it is there already; undefined: ask `next`. */
  ready(): unknown {
    if (this.#end !== undefined) throw this.#end;
    const message = this.#options.messages.ready?.();
    if (message !== undefined) this.#resumeRevision = resumeRevisionOf(message) ?? this.#resumeRevision;
    return message;
  }

  #deliver(result: IteratorResult<unknown>, resolve: (result: IteratorResult<unknown>) => void): void {
    if (this.#end !== undefined) return;
    if (result.done === true) this.#over(undefined);
    else this.#resumeRevision = resumeRevisionOf(result.value) ?? this.#resumeRevision;
    resolve(result);
  }

  async return(): Promise<IteratorResult<unknown>> {
    this.#over(undefined);
    await this.#options.messages.return?.();
    return { done: true, value: undefined };
  }

  /** Ends the stream when the policy does not allow it any more. */
  judge(policy: Policy): void {
    try {
      const identity = policy.identify(this.#options.caller.credential);
      this.#options.authorize(identity);
      this.#endAt(identity.expires);
    } catch (error) {
      this.#endBy(error);
    }
  }

  /** Ends the stream when its token is a JWT that is not valid any more. */
  async verify(jwts: JwtVerifier): Promise<void> {
    const { credential } = this.#options.caller;
    if (credential.via !== "jwt") return;
    try {
      await jwts.verify(credential.token);
    } catch (error) {
      this.#endBy(error);
    }
  }

  #endBy(error: unknown): void {
    const isExpired = error instanceof DuetError && error.reason === "TOKEN_EXPIRED";
    this.#endWith(isExpired ? "TOKEN_EXPIRED" : "RIGHT_MISSING");
  }

  #endAt(expires: number | undefined): void {
    clearTimeout(this.#timer);
    if (expires === undefined) return;
    const left = expires - Date.now();
    this.#timer = setTimeout(
      () => (left > timerMsMax ? this.#endAt(expires) : this.#endWith("TOKEN_EXPIRED")),
      Math.min(Math.max(left, 0), timerMsMax),
    ).unref();
  }

  #endWith(reason: "TOKEN_EXPIRED" | "RIGHT_MISSING"): void {
    if (this.#isOver) return;
    const message =
      reason === "TOKEN_EXPIRED" ? "the credentials have expired" : "the policy allows the call no longer";
    const { name } = this.#options.caller.identity;
    const metadata = {
      ...(reason === "RIGHT_MISSING" && { identity: name }),
      ...(this.#resumeRevision !== undefined && { last_revision: String(this.#resumeRevision) }),
    };
    this.#end = new DuetError(reason, message, { metadata });
    this.#over(this.#end);
    // Whoever reads the stream ends the handler by its signal.
    this.#rejectPending?.(this.#end);
  }

  #over(error: unknown): void {
    if (this.#isOver) return;
    this.#isOver = true;
    clearTimeout(this.#timer);
    this.#forget();
    this.#options.onOver(error);
  }
}

/** Messages of a watch have one. */
function resumeRevisionOf(message: unknown): bigint | undefined {
  return (message as { readonly resumeRevision?: bigint }).resumeRevision;
}
