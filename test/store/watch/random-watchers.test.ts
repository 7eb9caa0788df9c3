import { test } from "vitest";
import { seed } from "../../support/random.ts";
import { watchRandomOperations } from "./random-watchers.ts";

test(`watchers see what happened in 250 random operations (seed ${seed})`, () => watchRandomOperations(250));
