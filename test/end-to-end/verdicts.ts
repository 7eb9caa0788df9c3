/** Keys that every protocol must take and give back byte for byte. */
export function acceptedKeys(prefix: string): readonly { readonly name: string; readonly key: string }[] {
  const whole = [
    ["one byte", "k"],
    ["1,024 bytes", "k".repeat(1024)],
    ["1,024 bytes of three-byte characters", `${"€".repeat(341)}k`],
    ["a slash", "/"],
    ["two slashes", "//"],
    ["a dot", "."],
    ["two dots", ".."],
    ["a verb", ":watch"],
    ["__proto__", "__proto__"],
    ["constructor", "constructor"],
  ];
  const parts = [
    ["spaces", " a  b "],
    ["tabs", "a\tb\t"],
    ["newlines", "a\nb\r\n"],
    ["slashes", "/a/b//c/"],
    ["an escaped slash", "a%2Fb"],
    ["percent signs", "100%"],
    ["dots", "a/../b/./c"],
    ["verbs", "a:watch"],
    ["query characters", "a?b=c&d#e+f"],
    ["quotes and backslashes", "\"'\\`"],
    ["control characters", "\u0001\u001f\u007f"],
    ["emoji", "👩‍👩‍👧‍👦"],
    ["a byte order mark", "\ufeffa"],
    ["combining characters, not normalised", "e\u0301"],
    ["the last code point", "\u{10ffff}"],
  ];
  return [
    ...whole.map(([name, key]) => ({ name: String(name), key: String(key) })),
    ...parts.map(([name, key]) => ({ name: String(name), key: `${prefix}${key}` })),
  ];
}

/** Keys that no protocol takes. */
export const refusedKeys = [
  { name: "the empty key", key: "", reason: "KEY_EMPTY" },
  { name: "1,025 bytes", key: "k".repeat(1025), reason: "KEY_TOO_LONG" },
  { name: "1,025 bytes in fewer characters", key: `${"€".repeat(341)}kk`, reason: "KEY_TOO_LONG" },
  { name: "NUL", key: "a\0b", reason: "KEY_INVALID" },
] as const;

const mebibyte = 1024 * 1024;

/** Values that must come back as they were written. */
export const acceptedValues: readonly { readonly name: string; readonly value: string | Uint8Array }[] = [
  { name: "text", value: "Hello" },
  { name: "the empty text", value: "" },
  { name: "no bytes", value: new Uint8Array() },
  { name: "text that looks like JSON", value: '{"value":"x","ttl":"1s"}' },
  { name: "text with NUL, a byte order mark and line ends", value: "\ufeffa\0b\r\nc" },
  { name: "emoji", value: "👩‍👩‍👧‍👦" },
  { name: "all bytes", value: Uint8Array.from({ length: 256 }, (_, byte) => byte) },
  { name: "bytes that are valid text", value: new TextEncoder().encode("text") },
  { name: "text at the limit", value: "x".repeat(mebibyte) },
  { name: "three-byte characters at the limit", value: `${"€".repeat((mebibyte - 1) / 3)}k` },
  { name: "bytes at the limit", value: new Uint8Array(mebibyte).fill(0xff) },
];
