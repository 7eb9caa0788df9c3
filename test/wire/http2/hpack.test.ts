import { describe, expect, test } from "vitest";
import type { HeaderField } from "../../../src/wire/http2/hpack/header-field.ts";
import { HpackDecoder } from "../../../src/wire/http2/hpack/hpack-decoder.ts";
import { HpackEncoder } from "../../../src/wire/http2/hpack/hpack-encoder.ts";
import { decodeHuffman, encodeHuffman } from "../../../src/wire/http2/hpack/huffman.ts";
import { encodeInteger } from "../../../src/wire/http2/hpack/literals.ts";
import { IndexedField } from "../../../src/wire/http2/response-headers.ts";

function decodeWith(decoder: HpackDecoder, block: Uint8Array): string[] {
  const fields: string[] = [];
  decoder.decode(Buffer.from(block), 0, block.length, {
    field: ({ name, value }: HeaderField) => void fields.push(`${name}: ${value}`),
  });
  return fields;
}

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

describe("the examples of RFC 7541, appendix C", () => {
  test.each([
    [10, 5, "0a"],
    [1337, 5, "1f9a0a"],
    [42, 8, "2a"],
  ])("encodes the integer %i with a prefix of %i bits", (value, prefixBits, expected) => {
    expect(encodeInteger(value, prefixBits, 0).toString("hex")).toBe(expected);
  });

  test.each([
    ["400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572", "custom-key: custom-header"],
    ["040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path"],
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret"],
    ["82", ":method: GET"],
  ])("decodes the representation %s", (block, expected) => {
    expect(decodeWith(new HpackDecoder(4096), hex(block))).toEqual([expected]);
  });

  const requests = [
    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
    [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com", "cache-control: no-cache"],
    [
      ":method: GET",
      ":scheme: https",
      ":path: /index.html",
      ":authority: www.example.com",
      "custom-key: custom-value",
    ],
  ];
  const date = "date: Mon, 21 Oct 2013 20:13:21 GMT";
  const location = "location: https://www.example.com";
  const responses = [
    [":status: 302", "cache-control: private", date, location],
    [":status: 307", "cache-control: private", date, location],
    [
      ":status: 200",
      "cache-control: private",
      "date: Mon, 21 Oct 2013 20:13:22 GMT",
      location,
      "content-encoding: gzip",
      "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
    ],
  ];
  test.each([
    {
      name: "requests without Huffman (C.3)",
      tableBytesMax: 4096,
      blocks: [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
      ],
      expected: requests,
    },
    {
      name: "requests with Huffman (C.4)",
      tableBytesMax: 4096,
      blocks: [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
      ],
      expected: requests,
    },
    {
      name: "responses with Huffman and evictions (C.6)",
      tableBytesMax: 256,
      blocks: [
        `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718
         63c7 8f0b 97c8 e9ae 82ae 43d3`,
        "4883 640e ffc1 c0bf",
        `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7
         b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
      ],
      expected: responses,
    },
  ])("decodes $name", ({ tableBytesMax, blocks, expected }) => {
    const decoder = new HpackDecoder(tableBytesMax);
    expect(blocks.map((block) => decodeWith(decoder, hex(block)))).toEqual(expected);
  });
});

describe("Huffman", () => {
  test("encodes the example of RFC 7541, appendix C.4.1", () => {
    expect(encodeHuffman(Buffer.from("www.example.com")).toString("hex")).toBe("f1e3c2e5f23a6ba0ab90f4ff");
  });

  test("decodes every symbol as it was encoded", () => {
    const all = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    const encoded = encodeHuffman(all);
    expect(decodeHuffman(encoded, 0, encoded.length)).toBe(all.toString("latin1"));
  });

  test.each([
    ["padding of eight ones", "07ff"],
    ["padding of zeros", "00"],
    ["the end-of-string symbol", "3fffffff"],
  ])("rejects %s", (_name, encoded) => {
    expect(decodeHuffman(hex(encoded), 0, hex(encoded).length)).toBeUndefined();
  });
});

describe("the decoder rejects", () => {
  test.each([
    ["index 0", "80"],
    ["an index beyond the table", "be"],
    ["a truncated string", "000561"],
    ["a truncated integer", "ff80"],
    ["an integer over 28 bits", "ffffffffffff01"],
    ["a table size over the limit", "3fe21f"],
    ["a table size after a field", "8220"],
  ])("%s", (_name, block) => {
    expect(() => decodeWith(new HpackDecoder(4096), hex(block))).toThrow("invalid header block");
  });
});

describe("the encoder", () => {
  const fields = Array.from(
    { length: 200 },
    (_, number) => new IndexedField(`x-${number}`, "v".repeat(number)),
  );
  const status = new IndexedField(":status", "200");

  function encode(encoder: HpackEncoder, some: readonly IndexedField[]): Buffer {
    const out = Buffer.alloc(64 * 1024);
    let at = encoder.begin(out, 0);
    for (const field of some) at = encoder.write(out, at, field);
    return out.subarray(0, at);
  }

  test("sends a field that recurs in one byte", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(4096);
    const some = [status, ...fields.slice(0, 10)];
    const first = encode(encoder, some);
    const second = encode(encoder, some);
    expect(second.length).toBe(11);
    expect(decodeWith(decoder, second.subarray(0, 0))).toEqual([]);
    expect(decodeWith(decoder, first)).toEqual(decodeWith(decoder, second));
  });

  test.each([4096, 1000, 100, 0, 65_536])("stays within a peer's table of %i bytes", (tableBytes) => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(Math.min(tableBytes, 4096));
    encoder.setTableSize(tableBytes);
    for (let round = 0; round < 3; round++) {
      const decoded = decodeWith(decoder, encode(encoder, fields));
      expect(decoded).toEqual(fields.map((_, number) => `x-${number}: ${"v".repeat(number)}`));
    }
  });

  test("follows a table size that changes between blocks", () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(4096);
    for (const tableBytes of [4096, 64, 2048, 0, 4096]) {
      encoder.setTableSize(tableBytes);
      for (let round = 0; round < 2; round++) {
        expect(decodeWith(decoder, encode(encoder, fields.slice(0, 50)))).toHaveLength(50);
      }
    }
  });
});
