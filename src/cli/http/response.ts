import type { ByteReader } from "./byte-reader.ts";

export interface HttpResponse {
  readonly status: number;
  /** Headers by lower-case name; repeated ones are joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  /** Must be read to the end before the connection is used again. */
  readonly body: AsyncIterable<Buffer>;
  /** Whether the connection can be used for more requests. */
  readonly keepAlive: boolean;
}

const lineBytesMax = 16 * 1024;
const headersMax = 200;
const pieceBytesMax = 64 * 1024;

/** Reads an HTTP/1.1 response (RFC 9112) to a request other than HEAD. Rejects when it is malformed. */
export async function readResponse(reader: ByteReader): Promise<HttpResponse> {
  for (;;) {
    const line = await reader.line(lineBytesMax);
    const [, minor, digits] = /^HTTP\/1\.([01]) (\d{3})(?: .*)?$/.exec(line) ?? [];
    if (digits === undefined) throw new Error("the server does not speak HTTP/1.1");
    const status = Number(digits);
    const headers = await readHeaders(reader);
    // Skips interim responses, such as 100 Continue. 101 is final: no upgrade was requested.
    if (status < 200 && status !== 101) continue;
    const closes = /\bclose\b/i.test(headers.get("connection") ?? "") || minor === "0";
    const body = toBody(reader, status, headers);
    return { status, headers, body: body.pieces, keepAlive: !closes && body.delimited };
  }
}

async function readHeaders(reader: ByteReader): Promise<Map<string, string>> {
  const headers = new Map<string, string>();
  for (let count = 0; count < headersMax; count++) {
    const line = await reader.line(lineBytesMax);
    if (line === "") return headers;
    const [, name, value] = /^([^\s:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined || value === undefined) throw new Error("a malformed header line");
    const known = headers.get(name.toLowerCase());
    headers.set(name.toLowerCase(), known === undefined ? value : `${known}, ${value}`);
  }
  throw new Error(`more than ${headersMax} header lines`);
}

/** `delimited`: the body ends before the connection does. */
function toBody(
  reader: ByteReader,
  status: number,
  headers: ReadonlyMap<string, string>,
): { readonly pieces: AsyncIterable<Buffer>; readonly delimited: boolean } {
  if (status === 204 || status === 304) return { pieces: readLength(reader, 0), delimited: true };
  const encoding = headers.get("transfer-encoding");
  if (encoding !== undefined) {
    if (encoding.toLowerCase() !== "chunked") throw new Error(`unsupported transfer encoding ${encoding}`);
    return { pieces: readChunked(reader), delimited: true };
  }
  const length = headers.get("content-length");
  if (length === undefined) return { pieces: readAll(reader), delimited: false };
  if (!/^\d{1,15}$/.test(length)) throw new Error("a malformed Content-Length");
  return { pieces: readLength(reader, Number(length)), delimited: true };
}

async function* readLength(reader: ByteReader, length: number): AsyncGenerator<Buffer, void, undefined> {
  for (let missing = length; missing > 0; ) {
    const piece = await reader.some(Math.min(missing, pieceBytesMax));
    if (piece === undefined) throw new Error("the connection ended in the middle of a response");
    missing -= piece.length;
    yield piece;
  }
}

async function* readChunked(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const [, hex] = /^([0-9a-f]{1,8})[ \t]*(?:;.*)?$/i.exec(await reader.line(lineBytesMax)) ?? [];
    if (hex === undefined) throw new Error("a malformed chunk");
    const length = Number.parseInt(hex, 16);
    if (length === 0) break;
    yield* readLength(reader, length);
    if ((await reader.line(2)) !== "") throw new Error("a malformed chunk");
  }
  await readHeaders(reader);
}

async function* readAll(reader: ByteReader): AsyncGenerator<Buffer, void, undefined> {
  for (;;) {
    const piece = await reader.some(pieceBytesMax);
    if (piece === undefined) return;
    yield piece;
  }
}
