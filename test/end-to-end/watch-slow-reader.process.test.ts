import { test } from "vitest";
import { cutOffSlowReaders } from "./slow-readers.ts";

test("a watcher that stops reading is cut off, and others get all of 40 MiB", () => cutOffSlowReaders(40));
