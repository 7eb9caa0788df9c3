import { usageFailure } from "./failure.ts";

/** A CommitRequest in the API's JSON, as the user wrote it. Fields not listed here are passed on unchanged. */
export interface CommitRequest {
  readonly checks: readonly Check[];
  readonly mutations: readonly Mutation[];
}

export interface Check {
  readonly key: string;
  readonly precondition: { readonly revision: string } | { readonly exists: boolean };
}

export type Mutation =
  | { readonly put: { readonly key: string } }
  | { readonly delete: { readonly key: string } };

const example =
  '{"checks":[{"key":"a","precondition":{"revision":"7"}}],"mutations":[{"put":{"key":"a","value":"x"}}]}';

/** Parses a CommitRequest as far as the commands need; the service checks the rest. Throws CommandFailure. */
export function parseCommitRequest(text: string): CommitRequest {
  const request = parseJson(text);
  if (!isObject(request)) throw mistake("it must be an object");
  const { checks = [], mutations = [], ...others } = request;
  const [other] = Object.keys(others);
  if (other !== undefined) throw mistake(`unknown field ${JSON.stringify(other)}`);
  if (!Array.isArray(checks) || !Array.isArray(mutations))
    throw mistake("checks and mutations must be arrays");
  for (const check of checks) assertCheck(check);
  for (const mutation of mutations) assertMutation(mutation);
  return { checks, mutations };
}

function assertCheck(check: unknown): void {
  if (!isObject(check) || typeof check["key"] !== "string") throw mistake("each check must have a key");
  const precondition = check["precondition"];
  if (!isObject(precondition)) throw mistake("each check must have a precondition");
  const { revision, exists } = precondition;
  if (typeof exists === "boolean" && revision === undefined) return;
  if (exists === undefined && /^\d{1,19}$/.test(String(revision))) return;
  throw mistake('a precondition must be {"revision": "7"} or {"exists": true}');
}

function assertMutation(mutation: unknown): void {
  const [kind, ...others] = isObject(mutation) ? Object.entries(mutation) : [];
  const known = kind !== undefined && (kind[0] === "put" || kind[0] === "delete") && others.length === 0;
  if (!known || !isObject(kind[1]) || typeof kind[1]["key"] !== "string") {
    throw mistake("each mutation must be a put or a delete with a key");
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw mistake((error as Error).message);
  }
}

function mistake(what: string) {
  return usageFailure(`the input is not a valid CommitRequest: ${what}`, `An example: ${example}`);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
