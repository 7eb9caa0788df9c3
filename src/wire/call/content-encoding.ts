import type { OutgoingHttpHeaders } from "node:http";
import { type Compression, compressedBytesMin, type Encoding, isEncoding } from "./compression.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Sends a whole response, compressed when the client accepts it and the body has more than 1 KiB. Resolves when it is sent,
 * which is at once where nothing is to be compressed.
 */
export function respondEncoded(
  exchange: Exchange,
  compression: Compression,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Uint8Array,
): void | Promise<void> {
  if (body.length <= compressedBytesMin) return exchange.respond(status, headers, body);
  const { vary } = headers;
  headers["vary"] = vary === undefined ? "Accept-Encoding" : `${vary}, Accept-Encoding`;
  const encoding = chooseEncoding(exchange.headers["accept-encoding"]);
  if (encoding === undefined) return exchange.respond(status, headers, body);
  return respondCompressed(exchange, compression, encoding, status, headers, body);
}

async function respondCompressed(
  exchange: Exchange,
  compression: Compression,
  encoding: Encoding,
  status: number,
  headers: OutgoingHttpHeaders,
  body: string | Uint8Array,
): Promise<void> {
  const bytes = typeof body === "string" ? Buffer.from(body) : body;
  const compressed = await compression.compress(encoding, bytes, exchange);
  if (compressed !== undefined) headers["content-encoding"] = encoding;
  exchange.respond(status, headers, compressed ?? bytes);
}

/** The encoding that an Accept-Encoding header prefers; of equals, the first (RFC 9110, section 12.5.3). */
export function chooseEncoding(header: string | string[] | undefined): Encoding | undefined {
  if (header === undefined) return undefined;
  let chosen: Encoding | undefined;
  let highest = 0;
  for (const part of String(header).split(",")) {
    const [name = "", ...parameters] = part.split(";").map((text) => text.trim().toLowerCase());
    const quality = parameters.find((parameter) => parameter.startsWith("q="));
    const weight = quality === undefined ? 1 : Number(quality.slice(2));
    if (isEncoding(name) && weight > highest) [chosen, highest] = [name, weight];
  }
  return chosen;
}
