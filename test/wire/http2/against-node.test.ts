import { test } from "vitest";
import { compareWithNode } from "./compare-with-node.ts";

test("80 random requests are answered as node:http2 answers them", () => compareWithNode(80));
