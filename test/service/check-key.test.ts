import { expect, test } from "vitest";
import { checkKey } from "../../src/service/check-key.ts";

test("the refusal of an empty key says how to list keys", () => {
  expect(() => checkKey("", { keyBytesMax: 10 })).toThrow(
    /^the key is empty; to list keys, .*GET \/v1\/key\?prefix=/,
  );
});
