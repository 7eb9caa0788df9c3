import { test } from "vitest";
import { fuzzFrames } from "./fuzz-frames.ts";

test("1,000 connections with random frames end nothing but themselves", () => fuzzFrames(1000));
