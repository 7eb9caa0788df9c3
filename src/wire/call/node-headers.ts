import type { OutgoingHttpHeaders } from "node:http";

/** Headers as Node writes them. Only cookies come more than once; the rest is joined with commas. */
export function toNodeHeaders(headers: Headers): OutgoingHttpHeaders {
  const result: OutgoingHttpHeaders = Object.fromEntries(headers);
  const cookies = headers.getSetCookie();
  if (cookies.length > 1) result["set-cookie"] = cookies;
  return result;
}
