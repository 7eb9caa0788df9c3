/** Whose stream it is. */
export interface StreamOwner {
  /** Of the API: one origin may have several services, each below a path. */
  readonly url: string;
  readonly via: string;
  readonly name: string;
  readonly token: string | undefined;
}

/**
 * The name under which tabs share a stream. Those of one name may see the same: other tokens may have other rights, although
 * they are of one name. The token itself is no part of it.
 */
export async function liveNameOf({ url, via, name, token }: StreamOwner): Promise<string> {
  // Where there is no crypto.subtle there are no locks, and nothing is shared.
  const isSecret = token !== undefined && crypto.subtle !== undefined;
  const digest = isSecret
    ? await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token))
    : undefined;
  return JSON.stringify(["duetkv", url, via, name, digest && [...new Uint8Array(digest)]]);
}
