import { test } from "vitest";
import { rounds } from "../../support/random.ts";
import { compareWithNode } from "./compare-with-node.ts";

test("20,000 random requests are answered as node:http2 answers them", () =>
  compareWithNode(20_000 * rounds));
