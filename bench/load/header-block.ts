/** Headers as HPACK (RFC 7541) without Huffman coding and without tables, so that a block can be sent on any connection. */
export function encodeHeaderBlock(headers: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(headers).flatMap(([name, value]) => [
    Buffer.of(0), // a literal with a literal name, not indexed
    ...encodeText(name),
    ...encodeText(value),
  ]);
  return Buffer.concat(parts);
}

const tableBytesMax = 4096;
const entryOverhead = 32;
const staticEntries = 61;
/** The entries of the static table that requests of gRPC have in whole. */
const staticIndices: Readonly<Record<string, number>> = {
  ":method: POST": 3,
  ":scheme: http": 6,
  ":scheme: https": 7,
};

/**
 * Encodes the header blocks of one connection as HPACK encoders of gRPC clients do: each field goes into the dynamic table,
 * and is sent as its index until newer fields have evicted it.
 */
export class HeaderBlockEncoder {
  /** Fields of the table, oldest first. */
  readonly #entries: { readonly field: string; readonly name: string; readonly bytes: number }[] = [];
  /** For a field, and for a name, how many fields were added before the newest one with it. */
  readonly #added = new Map<string, number>();
  #count = 0;
  #bytes = 0;

  encode(headers: readonly (readonly [name: string, value: string])[]): Buffer {
    return Buffer.concat(headers.map(([name, value]) => this.#encodeField(name, value)));
  }

  #encodeField(name: string, value: string): Buffer {
    const field = `${name}: ${value}`;
    const index = staticIndices[field] ?? this.#indexOf(field);
    if (index !== undefined) return encodeInteger(index, 7, 0x80);
    const nameIndex = this.#indexOf(name);
    this.#add(field, name);
    const head =
      nameIndex === undefined ? [Buffer.of(0x40), ...encodeText(name)] : [encodeInteger(nameIndex, 6, 0x40)];
    return Buffer.concat([...head, ...encodeText(value)]);
  }

  #indexOf(text: string): number | undefined {
    const added = this.#added.get(text);
    return added === undefined ? undefined : staticEntries + this.#count - added;
  }

  #add(field: string, name: string): void {
    const bytes = field.length - ": ".length + entryOverhead;
    for (this.#bytes += bytes; this.#bytes > tableBytesMax; ) this.#evict();
    this.#entries.push({ field, name, bytes });
    this.#added.set(field, this.#count).set(name, this.#count);
    this.#count++;
  }

  #evict(): void {
    const oldest = this.#entries.shift();
    if (oldest === undefined) throw new RangeError("a field larger than the table");
    const added = this.#count - this.#entries.length - 1;
    for (const text of [oldest.field, oldest.name])
      if (this.#added.get(text) === added) this.#added.delete(text);
    this.#bytes -= oldest.bytes;
  }
}

function encodeText(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  return [encodeInteger(bytes.length, 7, 0), bytes];
}

/** An integer whose first byte holds `first` and `prefixBits` bits of it. */
function encodeInteger(value: number, prefixBits: number, first: number): Buffer {
  const mask = 2 ** prefixBits - 1;
  if (value < mask) return Buffer.of(first | value);
  const bytes = [first | mask];
  let rest = value - mask;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.of(...bytes, rest);
}
