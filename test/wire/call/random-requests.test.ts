import { test } from "vitest";
import { compareWithConnect } from "./against-connect.ts";

test("the fast paths respond to 300 random requests as Connect does", () => compareWithConnect(300));
