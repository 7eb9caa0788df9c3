import { createHash, type Hash } from "node:crypto";
import type { EntryContent } from "./import/entry-content.ts";

/**
 * Counts entries and hashes their contents: key, value, and whether the value is text or bytes. Two stores with the
 * same contents have the same hash, whatever their revisions and times.
 */
export class ContentTally {
  readonly #hash: Hash = createHash("sha256");
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add({ key, value, bytesValue }: EntryContent): void {
    this.#count++;
    this.#hash.update(
      `${JSON.stringify(bytesValue === undefined ? [key, value ?? ""] : [key, null, bytesValue])}\n`,
    );
  }

  /** The hash of all entries added so far, in hexadecimal. */
  digest(): string {
    return this.#hash.copy().digest("hex");
  }
}
