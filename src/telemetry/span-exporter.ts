import type { Logger } from "../logging.ts";
import type { OtelConfiguration } from "./otel-configuration.ts";
import { encodeSpans, type Span } from "./span.ts";

/** How often failed exports are logged at the most, in milliseconds. */
const warnEveryMs = 60_000;
const closeMs = 1000;

/**
 * Sends spans to a collector in the background. Calls never wait for it: what does not fit into the queue, or cannot be sent,
 * is dropped and counted.
 */
export class SpanExporter {
  readonly #configuration: OtelConfiguration;
  readonly #log: Pick<Logger, "warn">;
  #queue: Span[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sending: Promise<void> | undefined;
  #warnedAt = Number.NEGATIVE_INFINITY;
  readonly #closing = new AbortController();
  readonly counts = { exported: 0, dropped: 0 };

  constructor(configuration: OtelConfiguration, log: Pick<Logger, "warn">) {
    this.#configuration = configuration;
    this.#log = log;
  }

  add(span: Span): void {
    const { queueMax, batchMax, delayMs } = this.#configuration;
    if (this.#queue.length >= queueMax) {
      this.counts.dropped++;
      return;
    }
    this.#queue.push(span);
    if (this.#queue.length >= batchMax) void this.#flush();
    else this.#timer ??= this.#flushAfter(delayMs);
  }

  /** Sends the spans that wait, once. A collector that does not respond holds a stop up for a second at the most. */
  async close(): Promise<void> {
    const timer = setTimeout(() => this.#closing.abort(), closeMs);
    await this.#sending;
    await this.#flush();
    clearTimeout(timer);
  }

  #flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#sending ??= this.#sendAll().finally(() => {
      this.#sending = undefined;
      // Spans that waited while a batch failed.
      if (this.#queue.length > 0) this.#timer ??= this.#flushAfter(this.#configuration.delayMs);
    });
    return this.#sending;
  }

  #flushAfter(delayMs: number): NodeJS.Timeout {
    return setTimeout(() => void this.#flush(), delayMs).unref();
  }

  async #sendAll(): Promise<void> {
    while (this.#queue.length > 0) {
      const spans = this.#queue.splice(0, this.#configuration.batchMax);
      try {
        await this.#send(spans);
        this.counts.exported += spans.length;
      } catch (error) {
        this.counts.dropped += spans.length;
        this.#warn(error);
        return;
      }
    }
  }

  async #send(spans: readonly Span[]): Promise<void> {
    const { endpoint, headers, resource, timeoutMs } = this.#configuration;
    const response = await fetch(endpoint, {
      method: "POST",
      headers: { ...headers, "content-type": "application/json" },
      body: encodeSpans(spans, resource),
      redirect: "error",
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), this.#closing.signal]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`the collector responded with ${response.status}`);
  }

  #warn(error: unknown): void {
    const now = performance.now();
    if (now - this.#warnedAt < warnEveryMs) return;
    this.#warnedAt = now;
    this.#log.warn({ err: error, dropped: this.counts.dropped }, "spans could not be exported");
  }
}
