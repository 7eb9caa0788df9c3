import { test } from "vitest";
import { rounds } from "../../support/random.ts";
import { compareWithConnect } from "./against-connect.ts";

const count = 1_000 * rounds;

test(`the fast paths respond to ${count} random requests as Connect does`, () => compareWithConnect(count));
