import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import type { CommitResponse, PutRequest } from "../client/messages.ts";
import type { EntryContent } from "./entry-content.ts";

/** Bytes of a commit in JSON, well below the default limit of a request. */
const batchBytesMax = 2 * 1024 * 1024;

/** Bytes that a change or its check take in JSON, apart from the mutation and the key of the check. */
const changeOverheadBytes = 64;

interface Change {
  readonly key: string;
  readonly mutation: object;
}

/** The JSON of a value may take six times its bytes. */
function jsonBytes(json: unknown): number {
  return Buffer.byteLength(JSON.stringify(json)) + changeOverheadBytes;
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
    const put = { key, value, bytesValue, ttl };
    if (jsonBytes(put) <= batchBytesMax) await this.#add({ key, mutation: { put } });
    else await this.#putAlone(put);
  }

  async delete(key: string): Promise<void> {
    await this.#add({ key, mutation: { delete: { key } } });
  }

  /** Resolves when all given changes are stored. */
  async flush(): Promise<void> {
    while (this.#batch.length > 0) {
      try {
        await this.#commit();
      } catch (error) {
        this.#batch.splice(this.#skipExisting(error), 1);
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

  /** Returns the index of the check that failed because another client has created the key. Throws any other error. */
  #skipExisting(error: unknown): number {
    if (!this.#createOnly || !(error instanceof CallError) || error.details.reason !== "KEY_EXISTS")
      throw error;
    this.skipped++;
    return Number(error.details.metadata["check"]);
  }

  /** For a value that alone takes too much in JSON. */
  async #putAlone(put: PutRequest): Promise<void> {
    await this.flush();
    try {
      await this.#client.put(this.#createOnly ? { ...put, precondition: { exists: false } } : put);
      this.put++;
    } catch (error) {
      this.#skipExisting(error);
    }
    this.#onCommitted();
  }

  async #add(change: Change): Promise<void> {
    const bytes = jsonBytes(change.mutation) + (this.#createOnly ? jsonBytes(change.key) : 0);
    if (this.#bytes + bytes > batchBytesMax) await this.flush();
    this.#batch.push(change);
    this.#bytes += bytes;
    // A check counts as an operation of the commit, too.
    const sizeMax = this.#createOnly ? Math.min(this.#sizeMax, 500) : this.#sizeMax;
    if (this.#batch.length >= sizeMax) await this.flush();
  }
}
