import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../../errors.ts";
import type { LogSink } from "../../log-sink.ts";
import { oldVersion } from "./connection.ts";

/** How long a monitoring URL may take, in milliseconds. */
const responseMs = 3_000;

const howToSync =
  'set sync_interval: always in its "jetstream" block and restart it; otherwise a power cut loses acknowledged writes';

export interface DurabilityOptions {
  /** The monitoring URL of each server. */
  readonly monitors: readonly string[];
  readonly monitorMs: number;
  readonly log: LogSink;
}

/**
 * Watches whether every server syncs its files before it confirms a write. A client cannot see that: only the monitoring
 * port of a server shows it.
 */
export class Durability {
  readonly #options: DurabilityOptions;
  readonly #closed = new AbortController();
  #fault: DuetError | undefined;
  #running: Promise<void> | undefined;
  readonly #silent = new Set<string>();
  /** The name of the server of each monitoring URL, as it responded last. */
  readonly #names = new Map<string, string>();
  #serversWithCopies: () => Promise<readonly string[]> = async () => [];
  #uncovered: string | undefined;

  constructor(options: DurabilityOptions) {
    this.#options = options;
  }

  /** LOG_UNAVAILABLE while a server may lose what it confirms. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /** Rejects with LOG_UNAVAILABLE when a server does not sync, or when none responds for `waitMs` milliseconds. */
  async start(waitMs: number): Promise<void> {
    const { monitors, monitorMs } = this.#options;
    if (monitors.length === 0) return;
    const until = performance.now() + waitMs;
    while ((await this.#check()) === 0) {
      if (performance.now() > until) {
        throw new DuetError(
          "LOG_UNAVAILABLE",
          "no URL of --nats-monitor responds, so it is unknown whether the servers sync; set http_port on each server",
        );
      }
      await delay(100);
    }
    if (this.#fault) throw this.#fault;
    this.#running = this.#run(monitorMs);
  }

  /**
   * From now on checks also that each server that has a copy is among those of the monitoring URLs. Rejects with
   * LOG_UNAVAILABLE when one is not.
   */
  async cover(serversWithCopies: () => Promise<readonly string[]>): Promise<void> {
    if (this.#options.monitors.length === 0) return;
    this.#serversWithCopies = serversWithCopies;
    await this.#check();
    if (this.#fault) throw this.#fault;
  }

  async close(): Promise<void> {
    this.#closed.abort();
    await this.#running;
  }

  async #run(monitorMs: number): Promise<void> {
    const { signal } = this.#closed;
    for (;;) {
      await delay(monitorMs, undefined, { signal, ref: false }).catch(() => {});
      if (signal.aborted) return;
      await this.#check();
    }
  }

  /** Looks for a server with a copy that no monitoring URL shows. One that never responded may be its. */
  async #findUncovered(): Promise<void> {
    let servers: readonly string[];
    try {
      servers = await this.#serversWithCopies();
    } catch {
      // Without a leader nobody can tell: what was found before still holds.
      return;
    }
    const uncovered = [...new Set(servers).difference(new Set(this.#names.values()))];
    const unknown = new Set(this.#options.monitors).size - this.#names.size;
    this.#uncovered =
      uncovered.length > unknown
        ? `NATS server ${uncovered.join(", ")} has a copy of the log, and --nats-monitor does not name it; name every server`
        : undefined;
  }

  /** Asks every server. Resolves with the number of responses. */
  async #check(): Promise<number> {
    const { monitors, log } = this.#options;
    const mistakes = await Promise.all(monitors.map((url) => this.#ask(url)));
    await this.#findUncovered();
    const mistake = mistakes.find((text) => text !== undefined && text !== silent) ?? this.#uncovered;
    const before = this.#fault;
    this.#fault = mistake === undefined ? undefined : new DuetError("LOG_UNAVAILABLE", mistake);
    if (this.#fault && !before) log.error({ what: mistake }, "log is not durable; writes refused");
    if (!this.#fault && before) log.info({}, "log is durable again");
    return mistakes.filter((text) => text !== silent).length;
  }

  /** Resolves with what is wrong with the server, `silent` when it does not respond, or undefined. */
  async #ask(url: string): Promise<string | undefined> {
    const { log } = this.#options;
    try {
      const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(responseMs)]);
      const response = await fetch(new URL("/varz", url), { signal });
      const varz = (await response.json()) as Varz;
      this.#names.set(url, varz.server_name ?? "");
      if (this.#silent.delete(url)) log.info({ monitor: url }, "NATS server responds again");
      const old = oldVersion(varz.version ?? "0");
      if (old !== undefined) return `NATS server ${varz.server_name} ${old}`;
      if (varz.jetstream?.config?.sync_always === true) return undefined;
      return `NATS server ${varz.server_name} confirms writes before it has synced them; ${howToSync}`;
    } catch (error) {
      const isNew = !this.#silent.has(url) && !this.#closed.signal.aborted;
      if (isNew) log.warn({ monitor: url, err: error }, "NATS server does not respond; it is asked again");
      this.#silent.add(url);
      return silent;
    }
  }
}

const silent = "silent";

/** What is read of `/varz`. */
interface Varz {
  readonly server_name?: string;
  readonly version?: string;
  readonly jetstream?: { readonly config?: { readonly sync_always?: boolean } };
}
