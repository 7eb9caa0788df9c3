import {
  type CallSpan,
  type Database,
  type Forwarding,
  type Operation,
  type Outcome,
  operationBytes,
  type Writer,
} from "../database.ts";
import type { Limits } from "../limits.ts";
import type { Logger } from "../logging.ts";
import { ForwardBudget } from "./forward-budget.ts";
import { ForwardCounts } from "./forward-counts.ts";
import type { PeerCodec } from "./peer-codec.ts";
import { PeerQueue, type PeerQueueOptions } from "./peer-queue.ts";
import type { RequestTracer } from "./request-tracer.ts";

/** How often the heartbeats are looked at, and how long a writer that cannot be reached is left alone. */
const lookMs = 100;
const retryMs = 1_000;

export interface ForwarderOptions {
  readonly database: Pick<Database, "writer"> & PeerQueueOptions["database"];
  /** Opens a connection to the writer. Rejects when that cannot be reached. */
  readonly openPeer: (writer: Writer) => Promise<PeerQueueOptions["peer"]>;
  readonly codec: PeerCodec;
  readonly limits: Pick<Limits, "queueBytesMax" | "requestBytesMax">;
  readonly log: Logger;
  /** Default: nothing is traced. */
  readonly tracer?: RequestTracer | undefined;
  /** For tests. */
  readonly termTimes?: PeerQueueOptions["termTimes"];
}

/** Sends operations to the replica that appends for all; follows that role from one replica to the next. */
export class Forwarder implements Forwarding {
  readonly #options: ForwarderOptions;
  readonly #timer: NodeJS.Timeout;
  readonly #budget: ForwardBudget;
  readonly counts = new ForwardCounts();
  #queue: PeerQueue | undefined;
  /** Those of former writers, while requests are under way. */
  readonly #left = new Set<PeerQueue>();
  #opening = false;
  #retryTime = 0;
  /** The writer that the log has last warned of, and what was forwarded until then; undefined: it works. */
  #warned: { readonly writer: string; readonly forwarded: number } | undefined;
  readonly #closed = new AbortController();

  constructor(options: ForwarderOptions) {
    this.#options = options;
    this.#budget = new ForwardBudget(this.counts, options.database, options.limits);
    this.#timer = setInterval(() => this.look(), lookMs).unref();
  }

  forward(operation: Operation, span?: CallSpan): Promise<Outcome> | undefined {
    const outcome = this.#queue?.forward(operation, span);
    // What is committed here shares the memory with what waits.
    if (outcome !== undefined || this.counts.queueBytes === 0) return outcome;
    return this.#budget.refuse(operationBytes(operation));
  }

  /** Finds the writer, and connects to it. */
  look(): void {
    const writer = this.#options.database.writer();
    const target = writer?.self === false ? writer : undefined;
    this.#tellRecovery();
    // The connection has aged; or the writer stops, and may be the writer by its last heartbeat for a moment.
    if (this.#queue !== undefined && (!this.#queue.isUsable || this.#queue.id !== target?.id)) {
      this.#leave(this.#queue);
    }
    if (target === undefined || this.#queue !== undefined || this.#closed.signal.aborted) return;
    if (!this.#opening && performance.now() >= this.#retryTime) void this.#open(target);
  }

  /** Later operations are committed here. */
  close(): void {
    this.#closed.abort();
    clearInterval(this.#timer);
    this.#queue?.close();
    this.#queue = undefined;
    this.counts.isConnected = false;
    for (const queue of this.#left) queue.close();
  }

  async #open(writer: Writer): Promise<void> {
    const { openPeer, codec, database, limits, log, tracer, termTimes } = this.#options;
    const { signal: closing } = this.#closed;
    const facts = { writer: writer.id, address: writer.address };
    this.#opening = true;
    try {
      const peer = await openPeer(writer);
      if (closing.aborted) return peer.close();
      const onFailed = (error: unknown) => this.#fail(queue, error);
      const queue = new PeerQueue({
        peer,
        budget: this.#budget,
        codec,
        database,
        limits,
        counts: this.counts,
        onFailed,
        closing,
        tracer,
        termTimes,
      });
      this.#queue = queue;
      this.counts.isConnected = true;
      if (this.#warned?.writer !== writer.id) log.info(facts, "writes are forwarded");
    } catch (error) {
      this.#wait();
      this.#warn(writer.id, { ...facts, err: error }, "writer not reached; writes are appended here");
    } finally {
      this.#opening = false;
    }
  }

  #fail(queue: PeerQueue, error: unknown): void {
    if (this.#queue !== queue) return;
    this.#wait();
    this.#leave(queue);
    const facts = { writer: queue.id, err: error };
    this.#warn(queue.id, facts, "forwarding failed; writes are appended here");
  }

  /** Once for each writer, until it has committed what was forwarded: it may accept connections and fail all the same. */
  #warn(writer: string, facts: object, message: string): void {
    this.#tellRecovery();
    if (this.#warned?.writer === writer) return;
    this.#warned = { writer, forwarded: this.counts.forwarded };
    this.#options.log.warn(facts, message);
  }

  #tellRecovery(): void {
    if (this.#warned === undefined || this.#warned.forwarded === this.counts.forwarded) return;
    this.#warned = undefined;
    if (this.#queue !== undefined) this.#options.log.info({ writer: this.#queue.id }, "writes are forwarded");
  }

  /** Not all replicas shall come back to it at the same time. */
  #wait(): void {
    this.#retryTime = performance.now() + retryMs * (1 + Math.random() / 2);
  }

  #leave(queue: PeerQueue): void {
    this.#queue = undefined;
    this.counts.isConnected = false;
    this.#left.add(queue);
    void queue.leave().finally(() => this.#left.delete(queue));
  }
}
