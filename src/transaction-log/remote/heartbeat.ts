import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { backoffMs } from "../shared/backoff.ts";
import { Doorbell } from "../shared/doorbell.ts";
import type { SharedClock } from "../shared/shared-clock.ts";
import type { LogOwner } from "../transaction-logger.ts";
import { decodeBeat, encodeBeat, type ReplicaState, startingApplied } from "./beat.ts";
import { type Beat, lagMs } from "./driver.ts";
import type { History } from "./history.ts";

/** A replica without a heartbeat for so long counts as gone, in milliseconds. */
const aliveMs = 10_000;

/** The first of so many beats checks that the log contains what was read. */
const verifiedBeats = 10;

export interface HeartbeatOptions {
  readonly history: History;
  readonly clock: SharedClock;
  /** The id of this replica. */
  readonly replica: string;
  /** From the start of one beat to the start of the next. */
  readonly heartbeatMs: number;
  /** How long a server may confirm no beat before another one is tried. */
  readonly moveMs: number;
  /** How long a close may take to remove the heartbeat of this replica. */
  readonly leavingMs: number;
}

/**
 * Says, by the clock of the engine, that this replica is alive and which sequence its owner has applied. Each beat also
 * writes a barrier, which shows whether the log takes writes; some check that it still is the log that was read.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  readonly #closed = new AbortController();
  readonly #due = new Doorbell();
  #applied = startingApplied;
  #hash: (() => string) | undefined;
  #compacting = false;
  #address: () => string | undefined = () => undefined;
  #fault: DuetError | undefined;
  #beats = 0;
  /** Failed beats in a row. */
  #failures = 0;
  #replicas: readonly ReplicaState[] = [];
  #running: Promise<void> | undefined;
  onOwners: () => void = () => {};

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Resolves after the first beat. Rejects with the driver's error. */
  async start(): Promise<void> {
    await this.now();
    this.#running = this.#run();
  }

  /** LOG_UNAVAILABLE while the log takes no writes. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /** All replicas that have a heartbeat, including this one. */
  get replicas(): readonly ReplicaState[] {
    return this.#replicas;
  }

  /** The replicas that are alive and have read the log. */
  get owners(): readonly LogOwner[] {
    const { replica } = this.#options;
    return this.#replicas
      .filter(({ applied, silentMs }) => applied !== startingApplied && silentMs < aliveMs)
      .map(({ id, applied, hash, address, time }) => ({
        id,
        self: id === replica,
        applied,
        hash,
        seenTime: time,
        address,
      }));
  }

  /** The newest sequence that the owner has applied. */
  get applied(): number {
    return this.#applied;
  }

  setApplied(sequence: number, hash = this.#hash): void {
    if (sequence > this.#applied) this.#applied = sequence;
    this.#hash = hash;
  }

  /** `address` is called for each beat. The next one is made at once: the others shall know soon. */
  advertise(address: () => string | undefined): void {
    this.#address = address;
    this.#due.ring();
  }

  /** Tells the other replicas whether this one compacts the log. */
  async setCompacting(compacting: boolean): Promise<void> {
    this.#compacting = compacting;
    await this.now();
  }

  /** Called when a request to the log failed: sets the fault until a beat succeeds. */
  suspect(error: unknown): void {
    this.#options.history.doubt();
    if (this.#fault === undefined) this.#due.ring();
    this.#fail(error);
  }

  /** Runs a beat at once. Rejects with the driver's error. */
  async now(): Promise<void> {
    const { history, clock, replica } = this.#options;
    const { driver } = history;
    const state = {
      applied: this.#applied,
      hash: this.#hash?.(),
      compacting: this.#compacting,
      address: this.#address(),
    };
    const began = performance.now();
    const position = await driver.beat(replica, encodeBeat(state));
    const ended = performance.now();
    const barrier = await history.barrier();
    if (this.#beats++ % verifiedBeats === 0) await history.verify(barrier);
    const { beats, own } = await this.#readBeats(position);
    if (own.position === position) clock.learn(own.time, began, ended);
    this.#replicas = beats.map((beat) => decodeBeat(beat, own.time));
    this.onOwners();
  }

  /** Reads all beats from a copy that has the own one at `position`, or a later one of another call. */
  async #readBeats(position: number): Promise<{ readonly beats: readonly Beat[]; readonly own: Beat }> {
    const { history, replica } = this.#options;
    const end = performance.now() + lagMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(2 * pauseMs, 100)) {
      const beats = await history.driver.beats();
      const own = beats.find((beat) => beat.replica === replica && beat.position >= position);
      if (own !== undefined) return { beats, own };
      if (performance.now() > end) {
        throw new Error(`no server has shown the heartbeat of this replica for ${lagMs} ms`);
      }
      await delay(pauseMs);
    }
  }

  /** Removes the heartbeat of this replica if the engine responds in time; otherwise the replica will count as dead. */
  async close(): Promise<void> {
    this.#closed.abort();
    const { history, replica, leavingMs } = this.#options;
    const leaving = (async () => {
      await this.#running;
      await history.driver.leave(replica);
    })().catch(() => {});
    await Promise.race([leaving, delay(leavingMs, undefined, { ref: false })]);
  }

  async #run(): Promise<void> {
    const { heartbeatMs, moveMs, history } = this.#options;
    const { signal } = this.#closed;
    let next = performance.now() + heartbeatMs;
    let moveAt = performance.now() + moveMs;
    while (!signal.aborted) {
      const waitMs = this.#failures === 0 ? next - performance.now() : backoffMs(this.#failures);
      await this.#due.wait(Math.max(0, waitMs), signal);
      if (signal.aborted) return;
      next = performance.now() + heartbeatMs;
      try {
        await this.now();
        moveAt = performance.now() + moveMs;
        this.#failures = 0;
        this.#recover();
      } catch (error) {
        // The follower of the log throws the fault.
        if (history.fault) return;
        history.doubt();
        this.#failures++;
        this.#fail(error);
        if (performance.now() < moveAt) continue;
        moveAt = performance.now() + moveMs;
        history.driver.moveOn();
      }
    }
  }

  #recover(): void {
    if (this.#fault === undefined) return;
    const { history } = this.#options;
    history.log.info({ sequence: history.seen.sequence }, "log reached again");
    this.#fault = undefined;
  }

  #fail(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    if (this.#fault === undefined)
      this.#options.history.log.warn({ err: error }, "log unavailable; writes refused");
    const message = "the log cannot be reached or does not respond; the connection is retried";
    this.#fault = new DuetError("LOG_UNAVAILABLE", message, { cause: error });
  }
}
