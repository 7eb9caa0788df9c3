import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { KeyValueClient } from "./key-value-client.ts";
import type { Random } from "./random.ts";

/** Entries in a message that every client accepts. */
const pageSize = 1000;

/**
 * Writers that put one new key after the other, until they are stopped, through clients that may fail. An entry that was
 * acknowledged must be there for ever.
 */
export class SteadyWriters {
  readonly #random: Random;
  readonly #clients: () => readonly KeyValueClient[];
  readonly #acknowledged = new Map<string, string>();
  /** Puts that failed, of which each may have happened. */
  readonly #failed = new Map<string, string>();
  readonly #running: Promise<unknown>;
  #stopped = false;

  /** Each put goes to one of `clients()`. */
  constructor(random: Random, count: number, clients: () => readonly KeyValueClient[]) {
    this.#random = random;
    this.#clients = clients;
    this.#running = Promise.all(Array.from({ length: count }, (_, writer) => this.#write(writer)));
  }

  /** The number of puts that were acknowledged. */
  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  /** One of the last keys that were acknowledged, with its value. */
  pick(): readonly [key: string, value: string] {
    return this.#random.pick([...this.#acknowledged].slice(-20));
  }

  /** Nothing is lost, and nothing is there that was not put. */
  async expectAllAt(client: KeyValueClient): Promise<void> {
    const found = new Map<string, string>();
    let pageToken = "";
    do {
      const page = await client.list({ prefix: "steady/", pageSize, pageToken });
      for (const { key, value = "" } of page.entries) found.set(key, value);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    for (const [key, value] of this.#failed) if (found.get(key) === value) found.delete(key);
    expect(found).toEqual(this.#acknowledged);
  }

  async #write(writer: number): Promise<void> {
    for (let count = 0; !this.#stopped; count++) {
      const [key, value] = [`steady/${writer}/${count}`, `${count} `.repeat(this.#random.below(100))];
      try {
        await this.#random.pick(this.#clients()).put({ key, value });
        this.#acknowledged.set(key, value);
      } catch {
        this.#failed.set(key, value);
        await delay(20);
      }
    }
  }
}
