import type { Client } from "./client.ts";
import type { Entry, ListResponse } from "./messages.ts";

export interface ListRequest {
  readonly prefix?: string | undefined;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
  readonly delimiter?: string;
  /** Default: linearizable. */
  readonly consistency?: "LOCAL";
}

/** An entry, or a common prefix that represents all keys that begin with it. */
export type Listed = { readonly entry: Entry } | { readonly prefix: string };

/** The service's limit of a page. */
const pageSizeMax = 1000;

export interface ListOptions {
  /** The most items to list; default: all. */
  readonly limit?: number | undefined;
  readonly onPage?: (page: ListResponse) => void;
}

/**
 * Lists entries page by page, all at the revision of the first page as long as the history has it. Each page contains
 * its revision.
 */
export async function* listEntries(
  client: Client,
  request: ListRequest,
  { limit = Number.POSITIVE_INFINITY, onPage = () => {} }: ListOptions = {},
): AsyncGenerator<Listed, void, undefined> {
  let left = limit;
  let pageToken = "";
  do {
    const page: ListResponse = await client.read<ListResponse>("List", {
      ...request,
      pageToken,
      pageSize: Math.min(left, pageSizeMax),
    });
    onPage(page);
    const listed = inOrder(page, request.reverse === true);
    left -= listed.length;
    yield* listed;
    pageToken = page.nextPageToken;
  } while (pageToken !== "" && left > 0);
}

/** Merges the entries and prefixes of a page in the order of UTF-8 bytes. */
function inOrder({ entries, prefixes }: ListResponse, reverse: boolean): readonly Listed[] {
  const listed: Listed[] = entries.map((entry) => ({ entry }));
  if (prefixes.length === 0) return listed;
  const bytes = new Map<Listed, Buffer>();
  for (const each of [...listed, ...prefixes.map((prefix) => ({ prefix }))]) {
    bytes.set(each, Buffer.from("entry" in each ? each.entry.key : each.prefix));
  }
  const direction = reverse ? -1 : 1;
  return [...bytes]
    .toSorted(([, one], [, other]) => direction * Buffer.compare(one, other))
    .map(([each]) => each);
}
