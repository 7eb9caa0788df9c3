import { test } from "vitest";
import { compareWithConnect } from "./against-connect.ts";

test("the fast paths respond to 60 random requests as Connect does", () => compareWithConnect(60));
