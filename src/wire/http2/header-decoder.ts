import { BlockMemo, type DecodedBlock, ListMemo } from "./header-memo.ts";
import type { HeaderField } from "./hpack/header-field.ts";
import { type FieldSink, HpackDecoder } from "./hpack/hpack-decoder.ts";

/** SETTINGS_HEADER_TABLE_SIZE: the initial value, which we do not change. */
const tableBytesMax = 4096;

/** Decodes the header blocks of a connection to header lists, by HPACK and two memos. */
export class HeaderDecoder {
  readonly #hpack = new HpackDecoder(tableBytesMax);
  readonly #blocks = new BlockMemo();
  readonly #lists = new ListMemo();
  readonly #collector: FieldCollector;

  /** `varyingName` is the header, such as a deadline, that may differ in otherwise equal requests. */
  constructor(listBytesMax: number, varyingName: string | undefined) {
    this.#collector = new FieldCollector(listBytesMax, varyingName);
  }

  /**
   * Decodes `bytes[start, end)`. Returns undefined for a list over the limit, whose fields are dropped. Throws
   * ConnectionError for invalid HPACK.
   */
  decode(bytes: Uint8Array, start: number, end: number): DecodedBlock | undefined {
    const version = this.#hpack.tableVersion;
    const found = this.#blocks.find(bytes, start, end, version);
    if (found !== undefined) return found;
    const collector = this.#collector;
    collector.begin();
    this.#hpack.decode(bytes, start, end, collector);
    if (collector.isTooLarge) return undefined;
    const { fields, varying, bytes: listBytes } = collector;
    const decoded = { list: this.#lists.get(fields), varying, bytes: listBytes };
    // A block that changes the table means something else the next time.
    if (this.#hpack.tableVersion === version) this.#blocks.remember(bytes, start, end, version, decoded);
    return decoded;
  }
}

class FieldCollector implements FieldSink {
  readonly fields: HeaderField[] = [];
  varying: string | undefined = undefined;
  readonly #listBytesMax: number;
  readonly #varyingName: string | undefined;
  /** Of all fields, as RFC 9113, section 6.5.2 counts them. */
  bytes = 0;

  constructor(listBytesMax: number, varyingName: string | undefined) {
    this.#listBytesMax = listBytesMax;
    this.#varyingName = varyingName;
  }

  get isTooLarge(): boolean {
    return this.bytes > this.#listBytesMax;
  }

  begin(): void {
    this.fields.length = 0;
    this.varying = undefined;
    this.bytes = 0;
  }

  field(field: HeaderField): void {
    this.bytes += field.size;
    if (this.isTooLarge) return;
    if (field.name !== this.#varyingName || !field.hasValidValue) this.fields.push(field);
    else this.varying = this.varying === undefined ? field.value : `${this.varying}, ${field.value}`;
  }
}
