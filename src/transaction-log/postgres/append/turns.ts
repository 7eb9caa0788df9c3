import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { Turn } from "./turn.ts";

/**
 * How long a writer goes on where others write as well. To hand over takes as long as some appends do: the next writer
 * has to read what was written last and to evaluate its batch again.
 */
const sharedMs = 25;

/** Decides when a writer waits for its turn, and for how long it keeps one. */
export class Turns {
  readonly #connections: Connections;
  #turn: Turn | undefined;
  /** Whether somebody else came first since the last turn, or the last append without one. */
  #conflicted = false;
  /** Whether somebody else came first before that. Then it would most likely happen again. */
  #contended = false;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /** Whether the next append waits for nobody. */
  get held(): boolean {
    return this.#turn?.over === false;
  }

  /**
   * Before an append: whether waiting for a turn costs less than sending a batch in vain. A turn that ended because its
   * holder had nothing to append ends the contention, too.
   */
  prepare(): boolean {
    if (this.#turn?.idled) {
      this.#turn = undefined;
      this.#conflicted = false;
      this.#contended = false;
    }
    return this.#contended && !this.held;
  }

  /** Resolves when it is this writer's turn, or when there is none to be had: then it tries without one. */
  async take(): Promise<void> {
    this.#turn?.giveUp();
    this.#turn = await Turn.take(this.#connections).catch(() => undefined);
  }

  /** Somebody else came first. */
  conflicted(): void {
    this.#conflicted = true;
  }

  /** Appends, in the turn if there is one. `append` is told whether the turn ends with it. */
  append(append: (connection: Connection, endsTurn: boolean) => Promise<boolean>): Promise<boolean> {
    if (!this.held) return this.#connections.withConnection((connection) => append(connection, false));
    return (this.#turn as Turn).use(this.#contended && this.#conflicted ? sharedMs : 0, append);
  }

  /** The batch is in the log. */
  appended(): void {
    if (this.held) return;
    this.#contended = this.#conflicted;
    this.#conflicted = false;
  }

  close(): void {
    this.#turn?.giveUp();
  }
}
