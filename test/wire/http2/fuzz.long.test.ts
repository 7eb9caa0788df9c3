import { test } from "vitest";
import { rounds } from "../../support/random.ts";
import { fuzzFrames } from "./fuzz-frames.ts";

test("100,000 connections with random frames end nothing but themselves", () => fuzzFrames(100_000 * rounds));
