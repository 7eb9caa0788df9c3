import { setTimeout as delay } from "node:timers/promises";
import { expect } from "vitest";
import type { DeleteResponse, PutResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import type { Random } from "../support/random.ts";
import { uuid7 } from "../support/uuid7.ts";

interface Answered {
  readonly send: (client: KeyValueClient) => Promise<PutResponse | DeleteResponse>;
  readonly response: PutResponse | DeleteResponse;
}

/**
 * Writes to a key of its own, and sends each request again until it is answered, whatever became of it before. Each put
 * must have happened once, which the version tells; and each repeat must be answered as the first was.
 */
export class RepeatingWriter {
  readonly #key: string;
  readonly #random: Random;
  readonly #answered: Answered[] = [];
  #version = 0n;
  #unanswered = 0;
  #repeats = 0;

  constructor(key: string, random: Random) {
    this.#key = key;
    this.#random = random;
  }

  get acknowledged(): number {
    return this.#answered.length;
  }

  /** Requests that had to be sent again, and answered ones that were sent again all the same. */
  get repeats(): number {
    return this.#unanswered + this.#repeats;
  }

  /** One write. `connect` gives a client of a server that may be gone. */
  async write(connect: () => KeyValueClient): Promise<void> {
    const random = this.#random;
    if (this.#answered.length > 0 && random.chance(0.2)) {
      const { send, response } = random.pick(this.#answered.slice(-100));
      expect(await this.#untilAnswered(connect, send)).toEqual(response);
      this.#repeats++;
      return;
    }
    const requestId = uuid7(Date.now());
    const key = this.#key;
    if (random.chance(0.1)) {
      const send = (client: KeyValueClient) => client.delete({ key, requestId });
      const response = await this.#untilAnswered(connect, send);
      expect(response.deleted).toBe(this.#version > 0n);
      this.#version = 0n;
      this.#answered.push({ send, response });
    } else {
      const value = "x".repeat(random.below(500));
      const send = (client: KeyValueClient) => client.put({ key, value, requestId });
      const response = await this.#untilAnswered(connect, send);
      expect(response.entry?.version).toBe(++this.#version);
      this.#answered.push({ send, response });
    }
  }

  async expectExact(client: KeyValueClient): Promise<void> {
    const { entries } = await client.batchGet({ keys: [this.#key] });
    expect(entries[0]?.version ?? 0n).toBe(this.#version);
  }

  async #untilAnswered<Response>(
    connect: () => KeyValueClient,
    send: (client: KeyValueClient) => Promise<Response>,
  ): Promise<Response> {
    for (;;) {
      try {
        return await send(connect());
      } catch (error) {
        const { reason = "" } = error as { readonly reason?: string };
        if (/REQUEST_ID|RATE_LIMITED/.test(reason)) throw error;
        this.#unanswered++;
        await delay(this.#random.below(50));
      }
    }
  }
}
