import { followWatch, type WatchInterruption } from "../client/follow-watch.ts";
import type { Event, WatchResponse } from "../client/messages.ts";
import { toTimeText } from "../entry-line.ts";
import { readValue } from "../entry-value.ts";
import { usageFailure } from "../failure.ts";
import type { Run } from "../invocation.ts";
import type { Output } from "../output.ts";
import { toPrintable } from "../printable.ts";
import { runChild } from "../run-child.ts";

export const run: Run<"watch"> = async ({ positionals: [key], flags, childCommand, output, openClient }) => {
  if (key !== undefined && flags.prefix !== undefined)
    throw usageFailure("KEY and --prefix exclude each other");
  if (flags.existing && flags.from !== undefined)
    throw usageFailure("--existing and --from exclude each other");
  const request = {
    ...(key !== undefined && { key }),
    ...(flags.prefix !== undefined && { prefix: flags.prefix }),
    ...(flags.from !== undefined && { startRevision: flags.from }),
    includeExisting: flags.existing,
    previous: flags.previous,
  };
  let reached = 0n;
  for await (const response of followWatch(openClient(), request, (each) => explain(each, output))) {
    reached = noteRevision(response, reached, output);
    if (childCommand !== undefined) await runForEach(response, childCommand, output);
    else if (output.json) output.object(response);
    else printLines(response, output);
    await output.drained();
  }
  return 0;
};

/**
 * Warns when the server is at an earlier revision than before. A lagging replica catches up. A restored store, or
 * another one, may never reach the revision, and the watch would stay silent. Returns the newest revision so far.
 */
function noteRevision(
  { revision, events, existing }: WatchResponse,
  reached: bigint,
  output: Output,
): bigint {
  const now = BigInt(revision);
  if (now >= reached) return now;
  if (events.length === 0 && existing.length === 0) {
    output.warn(`the server is at revision ${now}; this watch was already at ${reached}`);
  }
  return reached;
}

function explain({ error, resumeRevision }: WatchInterruption, output: Output): void {
  const next = resumeRevision === undefined ? "starting over" : `resuming after revision ${resumeRevision}`;
  output.warn(`the watch was interrupted: ${error.message}; ${next}`);
}

/** Existing entries are shown as puts. */
function toEvents({ existing, events }: WatchResponse): readonly Event[] {
  return [...existing.map((entry) => ({ type: "PUT" as const, entry, expired: false })), ...events];
}

function printLines(response: WatchResponse, output: Output): void {
  for (const { type, entry, expired, previous } of toEvents(response)) {
    const time = entry.updateTime === undefined ? "" : `${toTimeText(entry.updateTime)} `;
    const name = output.color(type === "PUT" ? "green" : "red", type);
    const size = type === "PUT" ? ` ${readValue(entry).length} B` : expired ? " expired" : "";
    const before =
      previous === undefined ? "" : `, was rev ${previous.revision} ${readValue(previous).length} B`;
    output.line(`${time}${name} ${toPrintable(entry.key)} rev ${entry.revision}${size}${before}`);
  }
}

async function runForEach(
  response: WatchResponse,
  command: readonly [string, ...string[]],
  output: Output,
): Promise<void> {
  for (const { type, entry } of toEvents(response)) {
    const environment = { DUETKV_KEY: entry.key, DUETKV_TYPE: type, DUETKV_REVISION: entry.revision };
    const exitCode = await runChild(command, environment, readValue(entry));
    if (exitCode !== 0) output.warn(`the command exited with ${exitCode} at revision ${entry.revision}`);
  }
}
