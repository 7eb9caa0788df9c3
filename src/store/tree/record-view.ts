import type { ByteSpan } from "../../byte-span.ts";
import { asciiEntryBytes, type EncodedEntry, entryBytes } from "../entry.ts";
import type { Records } from "../memory/records.ts";
import type { Ref } from "../memory/slabs.ts";

/** Where a record lies, as long as it does. */
export interface RecordSource {
  readonly records: Records;
  /** Grows when the record may be gone. */
  readonly generation: number;
}

/**
 * An entry that is read where it lies. A reader gets an error when the record may be gone, and never the bytes of another
 * record.
 */
export class RecordView implements EncodedEntry {
  #key: string | undefined;
  readonly #source: RecordSource;
  readonly #ref: Ref;
  readonly #generation: number;

  /** `key` is the record's key if the caller has a text that the view may give. */
  constructor(source: RecordSource, ref: Ref, key?: string) {
    this.#key = key;
    this.#source = source;
    this.#ref = ref;
    this.#generation = source.generation;
  }

  get key(): string {
    this.#key ??= this.#records.key(this.#ref);
    return this.#key;
  }

  /** Of its source. */
  get ref(): Ref {
    return this.#ref;
  }

  get value(): string | Uint8Array {
    return this.#records.value(this.#ref);
  }

  get isText(): boolean {
    return this.#records.isText(this.#ref);
  }

  get encodedValue(): ByteSpan {
    return this.#records.encodedValue(this.#ref);
  }

  get revision(): number {
    return this.#records.revision(this.#ref);
  }

  get createRevision(): number {
    return this.#records.createRevision(this.#ref);
  }

  get version(): number {
    return this.#records.version(this.#ref);
  }

  get updateTime(): number {
    return this.#records.updateTime(this.#ref);
  }

  get expireTime(): number {
    return this.#records.expireTime(this.#ref);
  }

  get bytes(): number {
    const records = this.#records;
    const ref = this.#ref;
    if (!records.isAscii(ref)) return entryBytes(this.key, this.value, this.expireTime);
    return asciiEntryBytes(records.keyLength(ref) + records.valueLength(ref), this.expireTime);
  }

  get #records(): Records {
    const { records, generation } = this.#source;
    if (generation !== this.#generation)
      throw new Error(
        "an entry was read after the turn of the event loop, or the state, in which it is valid",
      );
    return records;
  }
}
