import type { IncomingHttpHeaders } from "node:http";
import type { HeaderList } from "../http2/header-list.ts";

const incoming = new WeakMap<HeaderList, IncomingHttpHeaders>();

/** The headers as Node's HTTP/1.1 gives them: repeated ones joined, `:authority` as host. Made once for equal requests. */
export function toIncomingHeaders(list: HeaderList): IncomingHttpHeaders {
  let headers = incoming.get(list);
  if (headers !== undefined) return headers;
  // Without a prototype: a header may be called "constructor".
  headers = Object.create(null) as IncomingHttpHeaders;
  for (let at = 0; at < list.fields.length; at += 2) {
    const name = list.fields[at] as string;
    const value = list.fields[at + 1] as string;
    const before = headers[name];
    if (before === undefined) headers[name] = name === "set-cookie" ? [value] : value;
    else if (Array.isArray(before)) before.push(value);
    else if (!single.has(name)) headers[name] = `${before}, ${value}`;
  }
  if (list.authority !== undefined) headers.host = list.authority;
  incoming.set(list, headers);
  return headers;
}

/** One header; of several values, which only `set-cookie` may have, the first. */
export function headerOf(headers: IncomingHttpHeaders, name: string): string | undefined {
  const value = headers[name];
  return typeof value === "string" ? value : value?.[0];
}

/** Of these the first counts, as in Node. */
const single: ReadonlySet<string> = new Set([
  "authorization",
  "content-length",
  "content-type",
  "from",
  "host",
  "if-modified-since",
  "if-unmodified-since",
  "max-forwards",
  "referer",
  "user-agent",
]);
