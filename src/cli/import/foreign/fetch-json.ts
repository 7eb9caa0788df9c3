import { type ForeignSourceOptions, sourceFailure } from "./foreign-source.ts";

/** More than a page of the largest values that etcd and Consul take. */
const bodyBytesMax = 256 * 1024 * 1024;

/**
 * Sends a request to a path of the source and decodes the JSON of its response; undefined for status 404. Rejects with
 * CommandFailure.
 */
export async function fetchJson<Response>(
  { url, timeoutMs }: ForeignSourceOptions,
  path: string,
  init: { readonly method: "GET" | "POST"; readonly headers: Record<string, string>; readonly body?: string },
): Promise<Response | undefined> {
  try {
    const base = `${url.origin}${url.pathname.replace(/\/$/, "")}`;
    const response = await fetch(`${base}${path}`, {
      ...init,
      redirect: "error",
      signal: AbortSignal.timeout(timeoutMs),
    });
    const text = await readText(response);
    if (response.status === 404) return undefined;
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
