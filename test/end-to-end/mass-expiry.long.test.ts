import { test } from "vitest";
import { expireAtOnce } from "./mass-expiry.ts";

test("ten thousand keys that expire in the same second are deleted, each at its own revision, without delaying other calls", () =>
  expireAtOnce(10_000, 4));
