import * as v from "valibot";
import { placeOfJsonFault } from "./json-fault.ts";
import { findPolicyMistakes } from "./policy-mistakes.ts";
import { type PolicyFile, policySchema } from "./policy-schema.ts";

/** What is wrong with a policy file, one line for each mistake, each with its place. */
class PolicyError extends Error {
  constructor(mistakes: readonly string[]) {
    super(mistakes.join("\n"));
    this.name = "PolicyError";
  }
}

/** Mistakes that are named; a file of another kind would have one for each of its lines. */
const mistakesMax = 20;

/** Reads the text of a policy file. Throws PolicyError, with all mistakes at once. */
export function parsePolicy(text: string): PolicyFile {
  const result = v.safeParse(policySchema, parseJson(text));
  if (!result.success) throw policyError(result.issues.map(describeIssue));
  const mistakes = findPolicyMistakes(result.output);
  if (mistakes.length > 0) throw policyError(mistakes);
  return result.output;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new PolicyError([`the policy is not JSON: ${placeOfJsonFault(text)}`]);
  }
}

function policyError(mistakes: readonly string[]): PolicyError {
  const more = mistakes.length - mistakesMax;
  return new PolicyError([...mistakes.slice(0, mistakesMax), ...(more > 0 ? [`and ${more} more`] : [])]);
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  return `${placeOf(issue)} ${describeMistake(issue)}`;
}

/** The path as JavaScript writes it: tokens[0].hash. */
function placeOf({ path }: v.BaseIssue<unknown>): string {
  const steps = path?.map(({ key }) => (typeof key === "number" ? `[${key}]` : `.${String(key)}`));
  return steps?.join("").replace(/^\./, "") ?? "the policy";
}

/** The schema's own messages quote what was there, which may be a hash. */
function describeMistake({ message, type, expected }: v.BaseIssue<unknown>): string {
  if (message.startsWith("must ")) return message;
  if (type === "strict_object" && expected === "never") return "is no field that a policy has";
  if (type === "strict_object" && expected?.startsWith('"') === true) return "is missing";
  return `must be ${expected ?? message}`;
}
