import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import type { CommitResponse } from "../client/messages.ts";
import type { EntryContent } from "./entry-content.ts";

/** Bytes of a commit in JSON, low enough that one more value stays within the request limit. */
const batchBytesMax = 2 * 1024 * 1024;

interface Change {
  readonly key: string;
  readonly mutation: object;
}

/** Collects changes and commits them in batches. */
export class BatchWriter {
  put = 0;
  skipped = 0;
  deleted = 0;
  readonly #client: Client;
  readonly #sizeMax: number;
  readonly #createOnly: boolean;
  readonly #onCommitted: () => void;
  #batch: Change[] = [];
  #bytes = 0;

  /** With `createOnly` existing keys are skipped. `onCommitted` is called when all given changes are stored. */
  constructor(client: Client, sizeMax: number, createOnly: boolean, onCommitted: () => void = () => {}) {
    this.#client = client;
    this.#sizeMax = sizeMax;
    this.#createOnly = createOnly;
    this.#onCommitted = onCommitted;
  }

  /** The number of entries processed so far. */
  get done(): number {
    return this.put + this.skipped + this.deleted;
  }

  /** Stores an entry under a key with its remaining time to live; skips it when none is left. */
  async putEntry(key: string, { value, bytesValue, expireTime }: EntryContent): Promise<void> {
    const leftMs = expireTime === undefined ? undefined : Date.parse(expireTime) - Date.now();
    if (leftMs !== undefined && leftMs <= 0) {
      this.skipped++;
      return;
    }
    // The service requires at least one second.
    const ttl = leftMs === undefined ? undefined : `${Math.max(leftMs, 1000) / 1000}s`;
    await this.#add({ key, mutation: { put: { key, value, bytesValue, ttl } } }, value ?? bytesValue ?? "");
  }

  async delete(key: string): Promise<void> {
    await this.#add({ key, mutation: { delete: { key } } }, "");
  }

  /** Resolves when all given changes are stored. */
  async flush(): Promise<void> {
    while (this.#batch.length > 0) {
      try {
        await this.#commit();
      } catch (error) {
        const existing = this.#createOnly ? existingIndex(error) : undefined;
        if (existing === undefined) throw error;
        // Another client has created the key meanwhile.
        this.#batch.splice(existing, 1);
        this.skipped++;
      }
    }
    this.#onCommitted();
  }

  async #commit(): Promise<void> {
    const checks = this.#createOnly
      ? this.#batch.map(({ key }) => ({ key, precondition: { exists: false } }))
      : [];
    const mutations = this.#batch.map(({ mutation }) => mutation);
    const { results } = await this.#client.write<CommitResponse>("Commit", { checks, mutations });
    for (const { entry, deleted } of results) {
      if (entry !== undefined) this.put++;
      else if (deleted) this.deleted++;
    }
    this.#batch = [];
    this.#bytes = 0;
  }

  async #add(change: Change, value: string): Promise<void> {
    this.#batch.push(change);
    this.#bytes += 2 * change.key.length + value.length + 200;
    // A check counts as an operation of the commit, too.
    const sizeMax = this.#createOnly ? Math.min(this.#sizeMax, 500) : this.#sizeMax;
    if (this.#batch.length >= sizeMax || this.#bytes >= batchBytesMax) await this.flush();
  }
}

/** The index of the check that failed because its key exists. */
function existingIndex(error: unknown): number | undefined {
  if (!(error instanceof CallError) || error.details.reason !== "KEY_EXISTS") return undefined;
  return Number(error.details.metadata["check"]);
}
