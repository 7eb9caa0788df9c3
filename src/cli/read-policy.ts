import { readFileSync } from "node:fs";
import { parsePolicy } from "../security/parse-policy.ts";
import type { PolicyFile } from "../security/policy-schema.ts";
import { CommandFailure, usageFailure } from "./failure.ts";

/** Throws CommandFailure, with all mistakes of a file that is no policy. */
export function readPolicy(path: string): PolicyFile {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw usageFailure(`cannot read ${path}: ${(error as Error).message}`);
  }
  try {
    return parsePolicy(text);
  } catch (error) {
    throw new CommandFailure({
      outcome: "found",
      reason: "POLICY_INVALID",
      message: `${path} is not a policy`,
      advice: (error as Error).message,
    });
  }
}
