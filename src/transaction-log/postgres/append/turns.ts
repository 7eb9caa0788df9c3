import type { Connection } from "../connection/connection.ts";
import type { Connections } from "../connection/connections.ts";
import { Turn } from "./turn.ts";

/**
 * How long a writer keeps its turn under contention. A hand-over takes as long as several appends: the next writer reads
 * the newest transactions and evaluates its batch again.
 */
const sharedMs = 25;

/** Decides when a writer waits for a turn, and how long it keeps one. */
export class Turns {
  readonly #connections: Connections;
  #turn: Turn | undefined;
  /** Whether another writer came first since the last turn, or since the last append without one. */
  #conflicted = false;
  /** Whether another writer came first before that, too: then the next append would most likely lose again. */
  #contended = false;

  constructor(connections: Connections) {
    this.#connections = connections;
  }

  /** Whether this writer has a turn, so that its next append does not wait. */
  get held(): boolean {
    return this.#turn?.over === false;
  }

  /**
   * Called before an append. True when waiting for a turn costs less than a lost append. A turn that ended because its
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

  /** Resolves when this writer has a turn, or when taking one failed: then it appends without. */
  async take(): Promise<void> {
    this.#turn?.giveUp();
    this.#turn = await Turn.take(this.#connections).catch(() => undefined);
  }

  /** Called when another writer came first. */
  conflicted(): void {
    this.#conflicted = true;
  }

  /** Appends, in the turn if there is one. `append` receives whether the turn ends with it. */
  append(append: (connection: Connection, endsTurn: boolean) => Promise<boolean>): Promise<boolean> {
    if (!this.held) return this.#connections.withConnection((connection) => append(connection, false));
    return (this.#turn as Turn).use(this.#contended && this.#conflicted ? sharedMs : 0, append);
  }

  /** Called when the batch is in the log. */
  appended(): void {
    if (this.held) return;
    this.#contended = this.#conflicted;
    this.#conflicted = false;
  }

  close(): void {
    this.#turn?.giveUp();
  }
}
