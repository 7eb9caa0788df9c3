import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import { encodeBarrier } from "./barrier.ts";
import type { ChainError, Cursor } from "./chain.ts";
import type { Copy, RemoteLogDriver } from "./driver.ts";
import { type FoundHead, type LogHead, readHead } from "./log-head.ts";

/** How often any copy is asked for a batch before each one is, with pauses of 1, 2, 4 … ms. */
const asksMax = 4;

/** A read that found one copy damaged; another copy replaced it. */
export interface DamagedRead {
  readonly what: string;
  /** The servers that may have the damaged copy. */
  readonly copies: string;
}

/**
 * The past of the log as this process has read it. When the log no longer contains it, the log was made anew or restored;
 * when compaction has dropped what was not read, this process is too late. In both cases the log is not used any more.
 */
export class History {
  readonly driver: RemoteLogDriver;
  readonly log: LogSink;
  #seen: Cursor;
  #head: LogHead;
  /** The end of the newest replay. */
  #replayed: Cursor;
  #fault: DuetError | undefined;
  #doubts = 0;
  /** How often a copy was found to be damaged. */
  damagedReads = 0;
  /** The doubts and connections for which the log was found to be the one that was read. */
  #verified: string;
  /** Called when `seen` advances and when `fault` is set. */
  onAdvance: () => void = () => {};
  /** Called for each of `damagedReads`. */
  onDamagedRead: (read: DamagedRead) => void = () => {};

  constructor(driver: RemoteLogDriver, head: LogHead, log: LogSink) {
    this.driver = driver;
    this.log = log;
    this.#head = head;
    this.#seen = head.cursor;
    this.#replayed = head.cursor;
    this.#verified = this.#doubt;
  }

  get id(): string {
    return this.#head.log;
  }

  get horizon(): number {
    return this.#head.horizon;
  }

  /** The newest known end of the log. */
  get seen(): Cursor {
    return this.#seen;
  }

  /** LOG_CORRUPT or DATABASE_WENT_BACK_IN_TIME, permanent until the process restarts. */
  get fault(): DuetError | undefined {
    return this.#fault;
  }

  /** Takes over a cursor whose past includes `seen`, or that is before it. */
  advance(cursor: Cursor): void {
    if (cursor.position <= this.#seen.position) return;
    this.#seen = cursor;
    this.onAdvance();
  }

  replayed(cursor: Cursor): void {
    this.#replayed = cursor;
    this.advance(cursor);
  }

  /** The newest known cursor from which everything after `sequence` can be read. */
  before(sequence: number): Cursor {
    const known = [this.#seen, this.#replayed].filter((cursor) => cursor.sequence <= sequence);
    return known.reduce((one, other) => (other.position > one.position ? other : one), this.#head.cursor);
  }

  /** Called when the log did not respond as it should: its servers may have lost what they confirmed. */
  doubt(): void {
    this.#doubts++;
  }

  /** Whether the log may be another one than the one that was read: there was a doubt, or a new connection. */
  get isDoubtful(): boolean {
    return this.#verified !== this.#doubt;
  }

  /** Writes a barrier. Resolves with its position. Rejects also with DATABASE_WENT_BACK_IN_TIME. */
  async barrier(): Promise<number> {
    if (this.#fault) throw this.#fault;
    const { seen } = this;
    const position = await this.#writeBarrier();
    if (position <= seen.position) {
      throw this.wentBack(
        `its newest message is ${position}, and this replica has read message ${seen.position}`,
      );
    }
    if (this.isDoubtful) await this.verify(position);
    return position;
  }

  /**
   * Checks that the log still contains what was read: positions alone do not tell, because barriers move them. `barrier`
   * is the position of a new barrier. Rejects with the fault or the driver's error.
   */
  async verify(barrier: number): Promise<void> {
    const doubt = this.#doubt;
    const { seen } = this;
    const { head } = await this.readHead(barrier);
    const isKept = seen.position > 0 && seen.position >= head.cursor.position;
    if (isKept && (await this.#isLost(seen))) throw this.#lost(seen);
    this.#verified = doubt;
  }

  /** Reads the head as of a barrier, and takes it over if it is newer. Rejects with the driver's error or the fault. */
  async readHead(barrier: number): Promise<FoundHead> {
    if (this.#fault) throw this.#fault;
    const found = await readHead(this.driver, barrier, (damage) => this.reportDamage(damage));
    if (found === undefined) throw this.wentBack("it is empty");
    const { head } = found;
    if (head.log !== this.id) throw this.wentBack("it is another log");
    if (head.horizon > this.horizon) this.#head = head;
    return found;
  }

  /**
   * Finds out why a copy does not have the batch after `cursor`. Resolves with the error of a log that was compacted or
   * went back in time, or with undefined: then the copy is damaged. Rejects with the driver's error.
   */
  async outdated(cursor: Cursor): Promise<DuetError | undefined> {
    const barrier = await this.barrier();
    const { head } = await this.readHead(barrier);
    if (this.hasDropped(cursor)) return outrun(cursor.sequence, head.horizon);
    await this.verify(barrier);
    if (cursor.position > 0 && (await this.#isLost(cursor))) return this.#lost(cursor);
    return this.hasDropped(cursor) ? outrun(cursor.sequence, this.horizon) : undefined;
  }

  /** Whether a compaction has dropped the batch after `cursor`, as far as it is known. */
  hasDropped(cursor: Cursor): boolean {
    return this.#head.cursor.position > cursor.position;
  }

  /** Reports that a copy is damaged. Resolves with the names of the copies. */
  async reportDamage({ message }: ChainError): Promise<string> {
    this.damagedReads++;
    const copies = await this.driver.describeCopies();
    const read = { copies, what: message };
    this.log.warn(read, "a copy of the log is damaged; reading another one");
    this.onDamagedRead(read);
    return copies;
  }

  /** Sets and returns the fault. */
  fail(error: DuetError): DuetError {
    if (this.#fault === undefined) {
      this.#fault = error;
      this.onAdvance();
    }
    return this.#fault;
  }

  wentBack(how: string): DuetError {
    const message = `the log went back in time: ${how}. Save the transactions that only this replica has, then restart it`;
    return this.fail(new DuetError("DATABASE_WENT_BACK_IN_TIME", message));
  }

  get #doubt(): string {
    return `${this.#doubts} ${this.driver.connections}`;
  }

  #lost({ position }: Cursor): DuetError {
    return this.wentBack(`it does not contain the batch of this replica at message ${position}`);
  }

  #writeBarrier(): Promise<number> {
    return this.driver.barrier(encodeBarrier(this.id, this.#seen.position));
  }

  /** A batch that is not there is not lost when a compaction has dropped it meanwhile. */
  async #isLost(cursor: Cursor): Promise<boolean> {
    if (await this.#contains(cursor)) return false;
    await this.readHead(await this.#writeBarrier());
    return !this.hasDropped(cursor);
  }

  /** Only what every copy lacks is missing: one may be damaged. */
  async #contains(cursor: Cursor): Promise<boolean> {
    for (let asks = 0; asks < asksMax; asks++) {
      if (await this.#isIn(asks % 2 === 0 ? "any" : "leader", cursor)) return true;
      await delay(2 ** asks);
    }
    for (let server = 0; server < this.driver.servers; server++) {
      const isThere = await this.#isIn(server, cursor);
      if (isThere) return true;
      if (isThere === undefined)
        throw new Error(`server ${server} does not show message ${cursor.position} yet`);
    }
    return false;
  }

  /** undefined: the copy has no later messages either. */
  async #isIn(copy: Copy, { position, batch = "" }: Cursor): Promise<boolean | undefined> {
    const { batches, reached } = await this.driver.read(position - 1, copy);
    const id = Buffer.from(batch.replaceAll("-", ""), "hex");
    const [message] = batches;
    // Not decoded: damage elsewhere in its bytes is no reason to take the log for another one.
    if (message?.position === position && message.bytes.includes(id)) return true;
    return reached >= position ? false : undefined;
  }
}

function outrun(after: number, horizon: number): DuetError {
  return new DuetError(
    "LOG_CORRUPT",
    `the log was compacted up to ${horizon}, beyond sequence ${after} of this replica; restart the replica`,
  );
}

/** The error of an append or a read barrier that was refused because of `error`. */
export function asRefusal(error: unknown): DuetError {
  if (error instanceof DuetError) {
    const { reason, message } = error;
    if (reason === "DATABASE_WENT_BACK_IN_TIME" || reason === "LOG_UNAVAILABLE") return error;
    return new DuetError("LOG_UNAVAILABLE", message);
  }
  const message = "the log cannot be reached or does not respond; retry later";
  return new DuetError("LOG_UNAVAILABLE", message, { cause: error });
}
