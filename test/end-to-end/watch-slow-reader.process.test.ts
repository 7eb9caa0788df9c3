import { test } from "vitest";
import { cutOffSlowReaders } from "./slow-readers.ts";

test("a watcher that stops reading is cut off, and others get all of 64 MiB", () => cutOffSlowReaders(64));
