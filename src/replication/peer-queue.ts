import type { CallSpan, Operation, Outcome } from "../database.ts";
import { operationBytes } from "../database.ts";
import { forwardedOperationsMax, type Limits } from "../limits.ts";
import type { ForwardBudget } from "./forward-budget.ts";
import { encodeOperation } from "./operation-message.ts";
import type { PeerCodec } from "./peer-codec.ts";
import { PeerRequests, type PeerRequestsOptions, type Waiting } from "./peer-requests.ts";

/** While the log takes the operations of one request, those of the next are on their way. */
const requestsMax = 2;

/** The most bytes of operations in one request; larger ones are committed here. */
const operationsBytesMax = 1024 * 1024;

/** The most bytes of a request in addition to its operations. */
const requestOverheadBytes = 256;

export interface PeerQueueOptions extends PeerRequestsOptions {
  readonly budget: ForwardBudget;
  readonly codec: PeerCodec;
  readonly limits: Pick<Limits, "requestBytesMax">;
}

/** The operations that wait for one peer. They gather while two requests are under way. */
export class PeerQueue {
  readonly #options: PeerQueueOptions;
  /** Of the encoded operations in one request. */
  readonly #requestBytesMax: number;
  readonly #requests: PeerRequests;
  readonly #running = new Set<Promise<void>>();
  #waiting: Waiting[] = [];
  #scheduled = false;

  constructor(options: PeerQueueOptions) {
    this.#options = options;
    this.#requests = new PeerRequests(options);
    const { requestBytesMax } = options.limits;
    this.#requestBytesMax = Math.min(operationsBytesMax, requestBytesMax - requestOverheadBytes);
  }

  /** Of the peer. */
  get id(): string {
    return this.#options.peer.id;
  }

  get isUsable(): boolean {
    return this.#options.peer.isUsable;
  }

  /** Undefined: the operation cannot be sent; commit it here. Rejects with OVERLOADED, or as `Database.commit` does. */
  forward(operation: Operation, span?: CallSpan): Promise<Outcome> | undefined {
    if (!this.isUsable) return undefined;
    const memoryBytes = operationBytes(operation);
    if (memoryBytes > operationsBytesMax) return undefined;
    const { budget, codec, counts } = this.#options;
    const encoded = encodeOperation(operation, codec);
    if (encoded === undefined || encoded.length > this.#requestBytesMax) return undefined;
    const bytes = memoryBytes + encoded.length;
    const refusal = budget.refuse(bytes);
    if (refusal !== undefined) return refusal;
    return new Promise((resolve) => {
      this.#waiting.push({ operation, encoded, span, bytes, resolve });
      counts.queueBytes += bytes;
      if (this.#scheduled) return;
      this.#scheduled = true;
      // Operations of the same turn of the event loop share a request.
      setImmediate(() => {
        this.#scheduled = false;
        this.#send();
      });
    });
  }

  /** Commits here what was not sent. Resolves when the requests under way have ended. */
  async leave(): Promise<void> {
    this.#options.peer.leave();
    this.#commitWaiting();
    await Promise.all(this.#running);
  }

  /** As `leave`, but ends the requests under way; the outcome of their operations is unknown. */
  close(): void {
    this.#options.peer.close();
    this.#commitWaiting();
  }

  #commitWaiting(): void {
    for (const waiting of this.#waiting.splice(0)) this.#requests.commitHere(waiting);
  }

  #send(): void {
    while (this.#running.size < requestsMax && this.#waiting.length > 0) {
      const batch = this.#take();
      const request = this.#requests.send(batch).finally(() => {
        this.#running.delete(request);
        this.#send();
      });
      this.#running.add(request);
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const { encoded } of this.#waiting) {
      bytes += encoded.length;
      if (count > 0 && (bytes > this.#requestBytesMax || count === forwardedOperationsMax)) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }
}
