/**
 * The Huffman code for header strings (RFC 7541, section 5.2 and appendix B).
 *
 * The code is canonical: codes of one length follow each other in the order of their symbols, and the shorter come first.
 * So the table of lengths is all that is needed.
 */
// biome-ignore format: 32 symbols a row
const lengths = Uint8Array.of(
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
);

const endOfString = 256;
const longestPadding = 7;

const codes = new Uint32Array(lengths.length);

// The decoder is a state machine that takes four bits at a time. A state is a node of the code's tree; the shortest code
// has five bits, so that a step completes at most one symbol.
const steps = 256 * 16;
const nextState = new Uint16Array(steps);
/** The symbol that a step completes, or -1. */
const symbolOf = new Int16Array(steps).fill(-1);
const invalid = 0xffff;
/** States in which a string may end: at a symbol's end, or after up to seven bits of the end-of-string symbol. */
const mayEnd = new Uint8Array(256);

assignCodes();
buildDecoder();

function assignCodes(): void {
  const symbols = Array.from(lengths.keys()).toSorted((a, b) => lengthOf(a) - lengthOf(b) || a - b);
  let code = 0;
  let previous = lengthOf(symbols[0] as number);
  for (const symbol of symbols) {
    // A shift would overflow 32 bits.
    code *= 2 ** (lengthOf(symbol) - previous);
    previous = lengthOf(symbol);
    codes[symbol] = code++;
  }
}

function buildDecoder(): void {
  // Children of each node: another node, or a leaf as -1 - symbol.
  const children: [number, number][] = [[0, 0]];
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    let node = 0;
    for (let bit = lengthOf(symbol) - 1; bit >= 0; bit--) {
      const side = (((codes[symbol] as number) >>> bit) & 1) as 0 | 1;
      const pair = children[node] as [number, number];
      if (bit === 0) pair[side] = -1 - symbol;
      else if (pair[side] === 0) pair[side] = children.push([0, 0]) - 1;
      node = pair[side];
    }
  }
  for (const [state] of children.entries()) {
    for (let nibble = 0; nibble < 16; nibble++) {
      let node = state;
      for (let bit = 3; bit >= 0 && node !== invalid; bit--) {
        node = (children[node] as [number, number])[((nibble >>> bit) & 1) as 0 | 1];
        if (node >= 0) continue;
        const symbol = -1 - node;
        if (symbol === endOfString) node = invalid;
        else [symbolOf[state * 16 + nibble], node] = [symbol, 0];
      }
      nextState[state * 16 + nibble] = node;
    }
  }
  for (let node = 0, ones = 0; ones <= longestPadding; ones++) {
    mayEnd[node] = 1;
    node = (children[node] as [number, number])[1];
  }
}

function lengthOf(symbol: number): number {
  return lengths[symbol] as number;
}

let scratch = Buffer.allocUnsafeSlow(4096);

/** Decodes `bytes[start, end)` to Latin-1 text. Returns undefined for an invalid code or padding. */
export function decodeHuffman(bytes: Uint8Array, start: number, end: number): string | undefined {
  // A symbol has at least five bits.
  if ((end - start) * 2 > scratch.length) scratch = Buffer.allocUnsafeSlow((end - start) * 2);
  let state = 0;
  let length = 0;
  for (let at = start; at < end; at++) {
    const byte = bytes[at] as number;
    const high = state * 16 + (byte >>> 4);
    state = nextState[high] as number;
    if (state === invalid) return undefined;
    if ((symbolOf[high] as number) >= 0) scratch[length++] = symbolOf[high] as number;
    const low = state * 16 + (byte & 15);
    state = nextState[low] as number;
    if (state === invalid) return undefined;
    if ((symbolOf[low] as number) >= 0) scratch[length++] = symbolOf[low] as number;
  }
  return mayEnd[state] === 1 ? scratch.toString("latin1", 0, length) : undefined;
}

/** Encodes Latin-1 bytes; the last byte is padded with ones. */
export function encodeHuffman(bytes: Uint8Array): Buffer {
  let bits = 0;
  for (const byte of bytes) bits += lengthOf(byte);
  const result = Buffer.alloc(Math.ceil(bits / 8));
  let at = 0;
  const put = (code: number, length: number): void => {
    for (let bit = length - 1; bit >= 0; bit--, at++) {
      if ((code >>> bit) & 1) result[at >>> 3] = (result[at >>> 3] as number) | (0x80 >>> (at & 7));
    }
  };
  for (const byte of bytes) put(codes[byte] as number, lengthOf(byte));
  while (at < result.length * 8) put(1, 1);
  return result;
}
