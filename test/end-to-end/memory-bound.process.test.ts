import { test } from "vitest";
import { expectFullStoresInSmallHeap, quickFillings } from "./full-store.ts";

test("a full store refuses puts with STORE_FULL, and the process survives", () =>
  expectFullStoresInSmallHeap(quickFillings));
