import { ConnectionError } from "../connection-error.ts";
import { DynamicTable } from "./dynamic-table.ts";
import { HeaderField } from "./header-field.ts";
import { decodeHuffman } from "./huffman.ts";
import { staticTable } from "./static-table.ts";

/** Receives the fields of a header block in their order. */
export interface FieldSink {
  field(field: HeaderField): void;
}

/** An integer has at most this many bytes after its prefix: more than any string that fits into a header block needs. */
const integerBytesMax = 4;

/** Decodes header blocks (RFC 7541, sections 3 and 6). One for each connection: blocks depend on those before them. */
export class HpackDecoder {
  readonly #table: DynamicTable;
  readonly #tableBytesMax: number;
  #bytes: Uint8Array = new Uint8Array(0);
  #at = 0;
  #end = 0;

  /** `tableBytesMax` is the SETTINGS_HEADER_TABLE_SIZE that the peer was told. */
  constructor(tableBytesMax: number) {
    this.#table = new DynamicTable(tableBytesMax);
    this.#tableBytesMax = tableBytesMax;
  }

  /** Changes with the dynamic table: the same bytes at the same version decode to the same fields. */
  get tableVersion(): number {
    return this.#table.version;
  }

  /** Decodes the block `bytes[start, end)`. Throws ConnectionError for invalid HPACK; the connection is lost then. */
  decode(bytes: Uint8Array, start: number, end: number, sink: FieldSink): void {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    let mayResize = true;
    while (this.#at < end) {
      const first = bytes[this.#at] as number;
      if (first >= 0x80) {
        sink.field(this.#entry(this.#integer(7)));
      } else if (first >= 0x40) {
        const field = this.#literal(6);
        this.#table.insert(field);
        sink.field(field);
      } else if (first >= 0x20) {
        if (!mayResize) throw invalid("table size update after a field");
        this.#resize(this.#integer(5));
        continue;
      } else {
        // Without indexing, or never indexed.
        sink.field(this.#literal(4));
      }
      mayResize = false;
    }
  }

  #resize(bytesMax: number): void {
    if (bytesMax > this.#tableBytesMax)
      throw invalid(`table size ${bytesMax} is over ${this.#tableBytesMax}`);
    this.#table.resize(bytesMax);
  }

  #literal(prefixBits: number): HeaderField {
    const index = this.#integer(prefixBits);
    if (index === 0) {
      const name = this.#string();
      return new HeaderField(name, this.#string());
    }
    const { name, kind } = this.#entry(index);
    return new HeaderField(name, this.#string(), kind);
  }

  #entry(index: number): HeaderField {
    const field =
      index <= staticTable.length ? staticTable[index - 1] : this.#table.get(index - staticTable.length - 1);
    if (field === undefined) throw invalid(`no table entry ${index}`);
    return field;
  }

  /** Section 5.1. */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#at++] as number) & mask;
    if (value < mask) return value;
    for (let count = 0; count < integerBytesMax; count++) {
      if (this.#at >= this.#end) throw invalid("truncated integer");
      const byte = this.#bytes[this.#at++] as number;
      value += (byte & 0x7f) << (7 * count);
      if (byte < 0x80) return value;
    }
    throw invalid("integer too large");
  }

  /** Section 5.2. */
  #string(): string {
    if (this.#at >= this.#end) throw invalid("truncated string");
    const isHuffman = (this.#bytes[this.#at] as number) >= 0x80;
    const length = this.#integer(7);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw invalid("truncated string");
    this.#at = end;
    if (!isHuffman) return (this.#bytes as Buffer).toString("latin1", start, end);
    const text = decodeHuffman(this.#bytes, start, end);
    if (text === undefined) throw invalid("Huffman code");
    return text;
  }
}

function invalid(what: string): ConnectionError {
  return new ConnectionError("compression_error", `invalid header block: ${what}`);
}
