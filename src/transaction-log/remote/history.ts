import { DuetError } from "../../errors.ts";
import type { LogSink } from "../log-sink.ts";
import { asFinalError, type ChainError, type Cursor } from "./chain.ts";
import type { LogMessage, RemoteLogDriver } from "./driver.ts";
import { decodeHead, type LogHead } from "./log-head.ts";

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
  /** Called when `seen` advances and when `fault` is set. */
  onAdvance: () => void = () => {};

  constructor(driver: RemoteLogDriver, head: LogHead, log: LogSink) {
    this.driver = driver;
    this.log = log;
    this.#head = head;
    this.#seen = head.cursor;
    this.#replayed = head.cursor;
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

  /** Writes a barrier. Resolves with its position. Rejects also with DATABASE_WENT_BACK_IN_TIME. */
  async barrier(): Promise<number> {
    if (this.#fault) throw this.#fault;
    const { seen, driver } = this;
    const position = await driver.barrier(seen.position);
    if (position > seen.position) return position;
    throw this.wentBack(
      `its newest message is ${position}, and this replica has read message ${seen.position}`,
    );
  }

  /** Reads the head, and takes it over if it is newer. Rejects with the driver's error or the fault. */
  async readHead(): Promise<{ readonly position: number; readonly head: LogHead }> {
    if (this.#fault) throw this.#fault;
    const message = await this.driver.readHead();
    if (message === undefined) throw this.wentBack("it is empty");
    const head = decode(message);
    if (head.log !== this.id) throw this.wentBack("it is another log");
    if (head.horizon > this.horizon) this.#head = head;
    return { position: message.position, head };
  }

  /** Finds out why the batch after `cursor` cannot be read. Resolves with the error; rejects with the driver's. */
  async explain(cursor: Cursor, error: ChainError): Promise<DuetError> {
    const { head } = await this.readHead();
    if (head.cursor.position > cursor.position) return outrun(cursor.sequence, head.horizon);
    if (cursor.position > 0 && !(await this.#contains(cursor))) {
      return this.wentBack(`it does not contain the batch of this replica at message ${cursor.position}`);
    }
    const copies = await this.driver.describeCopies();
    return new DuetError("LOG_CORRUPT", `the log is damaged: ${error.message}; its copies are on ${copies}`);
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

  async #contains({ position, batch }: Cursor): Promise<boolean> {
    const { batches } = await this.driver.read(position - 1, "leader");
    const [message] = batches;
    // The id of a batch is at a fixed place.
    return (
      message?.position === position &&
      batch !== undefined &&
      message.bytes.includes(Buffer.from(batch.replaceAll("-", ""), "hex"))
    );
  }
}

function decode({ position, bytes }: LogMessage): LogHead {
  try {
    return decodeHead(bytes);
  } catch (error) {
    throw asFinalError(error, `message ${position}`);
  }
}

/** Reads the head of a log; undefined when there is none. */
export async function findHead(driver: RemoteLogDriver): Promise<LogHead | undefined> {
  const message = await driver.readHead();
  return message && decode(message);
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
