import * as v from "valibot";
import { expect, test } from "vitest";
import { bytes, json, number, text } from "../../clients/typescript/src/codec.ts";

test("text and bytes convert into each other, and text refuses what is not UTF-8", () => {
  expect(text.decode(bytes.encode(new TextEncoder().encode("grüße")))).toBe("grüße");
  expect(bytes.decode("ü")).toEqual(Uint8Array.of(0xc3, 0xbc));
  expect(() => text.decode(Uint8Array.of(0xff))).toThrow(TypeError);
});

test("numbers are decimal, and nothing else is one", () => {
  for (const value of [0, -1.5, 1e21, 5e-324, Number.MAX_SAFE_INTEGER]) {
    expect(number.decode(number.encode(value))).toBe(value);
  }
  for (const stored of ["", " ", "one", "1,5", "Infinity", "0x10", "0b1", "1_0"])
    expect(() => number.decode(stored)).toThrow(TypeError);
  expect(() => number.encode(Number.NaN)).toThrow(TypeError);
});

test("JSON without a schema is any value", () => {
  const codec = json<{ a: number[] }>();
  expect(codec.decode(codec.encode({ a: [1, 2] }))).toEqual({ a: [1, 2] });
  expect(codec.decode(new TextEncoder().encode('{"a":[]}'))).toEqual({ a: [] });
  expect(() => codec.decode("{")).toThrow(SyntaxError);
  expect(() => json().encode(undefined)).toThrow("JSON has no such value");
});

test("a Standard Schema validates what is read and what is written", () => {
  const codec = json(v.object({ port: v.pipe(v.number(), v.maxValue(65_535)) }));
  expect(codec.decode('{"port":80}')).toEqual({ port: 80 });
  expect(() => codec.decode('{"port":"80"}')).toThrow(/number/);
  expect(() => codec.encode({ port: 70_000 })).toThrow(/65535/);
});
