/** Something that has a deadline. The wheel keeps it in a list: the two links are the wheel's. */
export interface Deadline {
  deadlineTick: number;
  nextDeadline: Deadline | undefined;
  previousDeadline: Deadline | undefined;
  /** The deadline has passed. Called once, up to a tick late. */
  expire(): void;
}

const slotCount = 512;

/**
 * Calls `expire` when deadlines have passed. One timer for all of them, which runs while there are any: a timer of Node for
 * each call costs as much as a whole read. Adding and removing take constant time.
 */
export class DeadlineWheel {
  readonly #tickMs: number;
  readonly #slots: (Deadline | undefined)[] = Array.from({ length: slotCount }, () => undefined);
  #timer: NodeJS.Timeout | undefined = undefined;
  #tick = 0;
  #size = 0;

  /** Deadlines pass up to `tickMs` late. */
  constructor(tickMs = 10) {
    this.#tickMs = tickMs;
  }

  get size(): number {
    return this.#size;
  }

  /** `inMs` is greater than 0. */
  add(deadline: Deadline, inMs: number): void {
    if (this.#timer === undefined) this.#start();
    const tick = Math.ceil((performance.now() + inMs) / this.#tickMs);
    deadline.deadlineTick = tick;
    const slot = tick % slotCount;
    const first = this.#slots[slot];
    deadline.nextDeadline = first;
    deadline.previousDeadline = undefined;
    if (first !== undefined) first.previousDeadline = deadline;
    this.#slots[slot] = deadline;
    this.#size++;
  }

  /** A deadline that was added and has not expired. */
  remove(deadline: Deadline): void {
    const { previousDeadline: previous, nextDeadline: next } = deadline;
    if (previous === undefined) this.#slots[deadline.deadlineTick % slotCount] = next;
    else previous.nextDeadline = next;
    if (next !== undefined) next.previousDeadline = previous;
    deadline.nextDeadline = deadline.previousDeadline = undefined;
    this.#size--;
  }

  #start(): void {
    this.#tick = Math.floor(performance.now() / this.#tickMs);
    this.#timer = setInterval(() => this.#advance(), this.#tickMs).unref();
  }

  #advance(): void {
    const now = Math.floor(performance.now() / this.#tickMs);
    // After a long turn of the event loop every slot is looked at once, not more.
    const from = Math.max(this.#tick + 1, now - slotCount + 1);
    for (let tick = from; tick <= now; tick++) this.#expireSlot(tick % slotCount, now);
    this.#tick = now;
    if (this.#size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #expireSlot(slot: number, now: number): void {
    const expired: Deadline[] = [];
    for (let each = this.#slots[slot]; each !== undefined; each = each.nextDeadline) {
      if (each.deadlineTick <= now) expired.push(each);
    }
    for (const each of expired) this.remove(each);
    for (const each of expired) each.expire();
  }
}
