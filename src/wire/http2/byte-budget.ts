/** What new streams may take beyond a budget, as a part of it: short requests are served while longer ones are refused. */
const streamsPart = 1 / 8;

/** Bytes that all connections may hold together. Shared by all code that holds bytes of requests or responses. */
export class ByteBudget {
  readonly #bytesMax: number;
  #used = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  get hasRoom(): boolean {
    return this.#used < this.#bytesMax;
  }

  /** False, with nothing taken, when there is no room. `parts`: of the budget, how much of it may be used afterwards. */
  take(bytes: number, parts = 1): boolean {
    if (this.#used + bytes > this.#bytesMax * parts) return false;
    this.#used += bytes;
    return true;
  }

  /** Takes bytes that are held already, whether there is room or not. */
  force(bytes: number): void {
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#used -= bytes;
  }
}

/** Which budget has no room. */
type NoRoom = "connection_bytes" | "total_bytes";

/** The bytes that one connection holds: part of the budget of all. */
export class ConnectionBudget {
  readonly #total: ByteBudget;
  readonly #bytesMax: number;
  #used = 0;

  constructor(total: ByteBudget, bytesMax: number) {
    this.#total = total;
    this.#bytesMax = bytesMax;
  }

  get used(): number {
    return this.#used;
  }

  /** Whether all connections together hold less than they may. */
  get hasRoom(): boolean {
    return this.#total.hasRoom;
  }

  /** Undefined, or which budget has no room; nothing is taken then. */
  take(bytes: number): NoRoom | undefined {
    return this.#take(bytes, 1);
  }

  /** The same for a new stream, which finds room longer. */
  takeForStream(bytes: number): NoRoom | undefined {
    return this.#take(bytes, 1 + streamsPart);
  }

  #take(bytes: number, parts: number): NoRoom | undefined {
    if (this.#used + bytes > this.#bytesMax * parts) return "connection_bytes";
    if (!this.#total.take(bytes, parts)) return "total_bytes";
    this.#used += bytes;
    return undefined;
  }

  /** Takes bytes that are held already. */
  force(bytes: number): void {
    this.#total.force(bytes);
    this.#used += bytes;
  }

  give(bytes: number): void {
    this.#total.give(bytes);
    this.#used -= bytes;
  }
}
