import { createHash, type Hash } from "node:crypto";
import type { Entry } from "./client/messages.ts";

/**
 * Counts entries and hashes what they hold: key, value, and whether it is text or bytes. Two stores with the same entries have
 * the same hash, whatever the revisions and times.
 */
export class ContentTally {
  readonly #hash: Hash = createHash("sha256");
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ key, value, bytesValue }: Entry): void {
    this.#count++;
    this.#hash.update(
      `${JSON.stringify(bytesValue === undefined ? [key, value ?? ""] : [key, null, bytesValue])}\n`,
    );
  }

  /** Of all that was added so far, in hexadecimal digits. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
