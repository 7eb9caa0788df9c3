/** Headers as HPACK (RFC 7541) without Huffman coding and without tables, so that a block can be sent on any connection. */
export function encodeHeaderBlock(headers: Readonly<Record<string, string>>): Buffer {
  const parts = Object.entries(headers).flatMap(([name, value]) => [
    Buffer.of(0), // a literal with a literal name, not indexed
    ...encodeText(name),
    ...encodeText(value),
  ]);
  return Buffer.concat(parts);
}

/** A field that the peer adds to its dynamic table, as most clients send what can come again. */
export function encodeIndexedField(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), ...encodeText(name), ...encodeText(value)]);
}

function encodeText(text: string): readonly Buffer[] {
  const bytes = Buffer.from(text, "latin1");
  return [encodeLength(bytes.length), bytes];
}

/** An integer with a prefix of seven bits. */
function encodeLength(length: number): Buffer {
  if (length < 0x7f) return Buffer.of(length);
  const bytes = [0x7f];
  let rest = length - 0x7f;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Buffer.of(...bytes, rest);
}
