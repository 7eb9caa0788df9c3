import { test } from "vitest";
import { fuzzFrames } from "./fuzz-frames.ts";

test("200 connections with random frames end nothing but themselves", () => fuzzFrames(200));
