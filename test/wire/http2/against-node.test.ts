import { test } from "vitest";
import { compareWithNode } from "./compare-with-node.ts";

test("400 random requests are answered as node:http2 answers them", () => compareWithNode(400));
