import type { Entry } from "./client/messages.ts";
import { ContentTally } from "./content-tally.ts";
import { CommandFailure, usageFailure } from "./failure.ts";

/** The last line of an export. */
export interface ExportEnd {
  readonly count: number;
  /** The hash of `ContentTally`. */
  readonly sha256: string;
  readonly prefix: string;
  /** The revision at which the entries were read, or the last of them. */
  readonly revision: string;
  /** The first of several revisions; undefined if there is only one. */
  readonly firstRevision?: string | undefined;
}

const lineBytesMax = 256 * 1024 * 1024;

/**
 * Reads an export. It is complete when the generator returns the end record. Throws CommandFailure when it is
 * truncated or damaged.
 */
export async function* readExport(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<Entry, ExportEnd, undefined> {
  const tally = new ContentTally();
  let end: ExportEnd | undefined;
  for await (const { number, text } of readLines(chunks)) {
    if (end !== undefined) throw damaged(`line ${number} comes after the end record`);
    const record = parseLine(text, number);
    if ("end" in record) end = record.end;
    else {
      tally.add(record);
      yield record;
    }
  }
  if (end === undefined) throw damaged("it has no end record, so it is incomplete");
  if (end.count !== tally.count)
    throw damaged(`it has ${tally.count} entries, but its end record counts ${end.count}`);
  if (end.sha256 !== tally.digest()) throw damaged("its hash differs from the one in its end record");
  return end;
}

function damaged(what: string): CommandFailure {
  return new CommandFailure({
    outcome: "found",
    reason: "EXPORT_DAMAGED",
    message: `the export is damaged: ${what}`,
    advice: "Export again: duetkv export.",
  });
}

function parseLine(text: string, number: number): Entry | { readonly end: ExportEnd } {
  let record: Record<string, unknown> | null;
  try {
    record = JSON.parse(text);
  } catch (error) {
    // A truncated export ends in an incomplete line.
    throw damaged(`line ${number} is not JSON: ${(error as Error).message}`);
  }
  if (typeof record === "object" && record !== null) {
    const { key, end } = record;
    if (typeof key === "string" && isValue(record)) return record as unknown as Entry;
    if (isEnd(end)) return { end };
  }
  throw usageFailure(`line ${number} is neither an entry nor the end record`);
}

function isValue({ value, bytesValue, expireTime }: Record<string, unknown>): boolean {
  const values = [value, bytesValue, expireTime].every(
    (each) => each === undefined || typeof each === "string",
  );
  return values && (value === undefined || bytesValue === undefined);
}

function isEnd(end: unknown): end is ExportEnd {
  if (typeof end !== "object" || end === null) return false;
  const { count, sha256, prefix, revision } = end as Record<string, unknown>;
  return typeof count === "number" && [sha256, prefix, revision].every((each) => typeof each === "string");
}

async function* readLines(
  chunks: AsyncIterable<Buffer>,
): AsyncGenerator<{ readonly number: number; readonly text: string }, void, undefined> {
  let number = 0;
  let pieces: Buffer[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, start)) {
      yield { number: ++number, text: Buffer.concat([...pieces, chunk.subarray(start, end)]).toString() };
      pieces = [];
      length = 0;
      start = end + 1;
    }
    pieces.push(chunk.subarray(start));
    length += chunk.length - start;
    if (length > lineBytesMax) throw damaged(`line ${number + 1} is longer than ${lineBytesMax} bytes`);
  }
  if (length > 0) yield { number: ++number, text: Buffer.concat(pieces).toString() };
}
