import { CallError } from "../client/call-error.ts";
import type { Client } from "../client/client.ts";
import type { BatchGetResponse, CommitResponse, Entry } from "../client/messages.ts";
import { type Check, type CommitRequest, type Mutation, parseCommitRequest } from "../commit-request.ts";
import { describeCallError } from "../describe-call-error.ts";
import { CommandFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import { toPrintable } from "../printable.ts";
import { readInputFile, readStdin } from "../read-input.ts";

export const run: Run<"commit"> = async ({ positionals: [file], flags, output, openClient }) => {
  const client = openClient();
  const input =
    file === undefined || file === "-"
      ? await readStdin(file === "-", "Name a file, or give the commit on stdin with -.")
      : await readInputFile(file);
  const request = parseCommitRequest(input.toString());
  if (flags["dry-run"]) {
    const present = await readEntries(client, request);
    for (const check of request.checks) assertHolds(check, present.get(check.key));
    for (const mutation of request.mutations) output.line(toDryLine(mutation, present));
    return 0;
  }
  const response = await nameFailedCheck(request, client.write<CommitResponse>("Commit", request));
  if (output.json) {
    output.object(response);
    return 0;
  }
  for (const [index, mutation] of request.mutations.entries()) {
    output.line(toLine(mutation, response.results[index]?.deleted === true));
  }
  output.note(`revision ${response.revision}`);
  return 0;
};

function keyOf(mutation: Mutation): string {
  return "put" in mutation ? mutation.put.key : mutation.delete.key;
}

function toLine(mutation: Mutation, deleted: boolean): string {
  const key = toPrintable(keyOf(mutation));
  if ("put" in mutation) return `put ${key}`;
  return deleted ? `deleted ${key}` : `no such key: ${key}`;
}

function toDryLine(mutation: Mutation, present: ReadonlyMap<string, Entry>): string {
  const key = toPrintable(keyOf(mutation));
  const entry = present.get(keyOf(mutation));
  if ("put" in mutation)
    return entry === undefined ? `would create ${key}` : `would replace ${key}, rev ${entry.revision}`;
  return entry === undefined ? `no such key: ${key}` : `would delete ${key}, rev ${entry.revision}`;
}

/** Reads the existing entries of all keys that the commit names. */
async function readEntries(
  client: Client,
  { checks, mutations }: CommitRequest,
): Promise<Map<string, Entry>> {
  const keys = [...new Set([...checks.map(({ key }) => key), ...mutations.map(keyOf)])];
  if (keys.length === 0) return new Map();
  const { entries } = await client.read<BatchGetResponse>("BatchGet", { keys });
  return new Map(entries.map((entry) => [entry.key, entry]));
}

function assertHolds({ key, precondition }: Check, entry: Entry | undefined): void {
  const revision = entry?.revision ?? "0";
  const holds =
    "exists" in precondition
      ? precondition.exists === (entry !== undefined)
      : entry !== undefined && BigInt(precondition.revision) === BigInt(revision);
  if (holds) return;
  const now = entry === undefined ? "there is no such key" : `its revision is ${revision}`;
  throw new CommandFailure({
    outcome: "conditionFailed",
    reason: "CHECK_FAILED",
    message: `the check of ${toPrintable(key)} fails: ${now}`,
    advice: "The commit would change nothing.",
  });
}

/** The service tells only the index of the check that failed. */
async function nameFailedCheck<Result>({ checks }: CommitRequest, write: Promise<Result>): Promise<Result> {
  try {
    return await write;
  } catch (error) {
    if (!(error instanceof CallError)) throw error;
    const { details } = describeCallError(error);
    const check = checks[Number(error.details.metadata["check"])];
    if (check === undefined || details.outcome !== "conditionFailed") throw error;
    const message = `the check of ${toPrintable(check.key)} fails: ${details.message}`;
    throw new CommandFailure({ ...details, message, advice: "The commit has changed nothing." }, error);
  }
}
