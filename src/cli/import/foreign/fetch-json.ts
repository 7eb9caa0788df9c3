import { type ForeignSourceOptions, sourceFailure } from "./foreign-source.ts";

/** More than a page of the largest values that etcd and Consul take. */
const bodyBytesMax = 256 * 1024 * 1024;

/**
 * Sends a request to a path of the source and decodes the JSON of its response. For status 404 it resolves with what `onNotFound`
 * makes of the headers. Rejects with CommandFailure, also when `onNotFound` throws.
 */
export async function fetchJson<Response>(
  { url, timeoutMs }: ForeignSourceOptions,
  path: string,
  init: { readonly method: "GET" | "POST"; readonly headers: Record<string, string>; readonly body?: string },
  onNotFound: (headers: Headers) => Response,
): Promise<Response> {
  try {
    const base = `${url.origin}${url.pathname.replace(/\/$/, "")}`;
    const response = await fetch(`${base}${path}`, {
      ...init,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readText(response);
    if (response.status === 404) return onNotFound(response.headers);
    if (!response.ok) throw new Error(`HTTP status ${response.status}: ${text.slice(0, 200).trim()}`);
    return JSON.parse(text) as Response;
  } catch (error) {
    const { message, cause } = error as Error;
    throw sourceFailure(url, cause instanceof Error ? `${message}: ${cause.message}` : message, error);
  }
}

async function readText({ body }: Response): Promise<string> {
  const pieces: Uint8Array[] = [];
  let length = 0;
  for await (const piece of body ?? []) {
    length += piece.length;
    if (length > bodyBytesMax)
      throw new Error(`a response has more than ${bodyBytesMax} bytes; use --prefix`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
