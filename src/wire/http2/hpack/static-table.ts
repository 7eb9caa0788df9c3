import { HeaderField } from "./header-field.ts";

/** The static table (RFC 7541, appendix A). Index 1 is the first entry. */
export const staticTable: readonly HeaderField[] = [
  [":authority", ""],
  [":method", "GET"],
  [":method", "POST"],
  [":path", "/"],
  [":path", "/index.html"],
  [":scheme", "http"],
  [":scheme", "https"],
  ...["200", "204", "206", "304", "400", "404", "500"].map((status) => [":status", status] as const),
  ["accept-charset", ""],
  ["accept-encoding", "gzip, deflate"],
  ...namesOnly(
    "accept-language accept-ranges accept access-control-allow-origin age allow authorization cache-control",
    "content-disposition content-encoding content-language content-length content-location content-range",
    "content-type cookie date etag expect expires from host if-match if-modified-since if-none-match if-range",
    "if-unmodified-since last-modified link location max-forwards proxy-authenticate proxy-authorization range",
    "referer refresh retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary",
    "via www-authenticate",
  ),
].map(([name, value]) => new HeaderField(name, value));

function namesOnly(...lines: string[]): [string, string][] {
  return lines.flatMap((line) => line.split(" ").map((name): [string, string] => [name, ""]));
}

/** The index of an entry with this name and value, or undefined. */
export function findStaticEntry(name: string, value: string): number | undefined {
  const position = staticTable.findIndex((field) => field.name === name && field.value === value);
  return position < 0 ? undefined : position + 1;
}

/** The index of the first entry with this name, or undefined. */
export function findStaticName(name: string): number | undefined {
  const position = staticTable.findIndex((field) => field.name === name);
  return position < 0 ? undefined : position + 1;
}
