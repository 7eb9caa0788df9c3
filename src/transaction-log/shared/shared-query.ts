/**
 * A query whose result is shared by all callers that wait when it is sent. No caller gets the result of a query sent
 * before its call, so the newest sequence that it returns includes every write acknowledged before.
 */
export class SharedQuery<T> {
  readonly #query: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(query: () => Promise<T>) {
    this.#query = query;
  }

  /** Rejects with the error of the query. */
  result(): Promise<T> {
    this.#next ??= this.#start();
    return this.#next;
  }

  async #start(): Promise<T> {
    // Callers of the same turn of the event loop share the query.
    await (this.#running?.catch(() => {}) ?? new Promise((resolve) => setImmediate(resolve)));
    // A query that throws at once must not leave its callers' promise for later ones.
    const query = Promise.try(this.#query);
    this.#running = query;
    this.#next = undefined;
    try {
      return await query;
    } finally {
      if (this.#running === query) this.#running = undefined;
    }
  }
}
