import { parseForwardedCertificate } from "./forwarded-certificate.ts";
import type { Credential } from "./identity.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import type { Peer } from "./peer.ts";
import { tokenInvalid } from "./policy.ts";
import { digestToken, tokenIdOf } from "./token.ts";

/** What tells who calls. */
export interface CallOrigin {
  /** One header of the request, by its name in lower case. */
  header(name: string): string | undefined;
  readonly peer: Peer;
}

const anonymous: Credential = { via: "anonymous" };

/** Certificates are of connections, not of calls: without a forwarded one they are read once. */
const ofPeers = new WeakMap<Peer, Credential>();

/**
 * Finds what a caller proves: a bearer token before a client certificate, or else nothing. Throws or rejects with
 * TOKEN_INVALID or TOKEN_EXPIRED for a bearer that proves nothing: it never falls back to the rest.
 */
export function readCredential(
  origin: CallOrigin,
  jwts: JwtVerifier | undefined,
): Credential | Promise<Credential> {
  const authorization = origin.header("authorization");
  if (authorization !== undefined) return readBearer(authorization, jwts);
  const { peer } = origin;
  const { certificate } = peer;
  if (certificate === undefined) return anonymous;
  const forwarded = origin.header("x-forwarded-client-cert");
  if (forwarded !== undefined) {
    return { via: "certificate", ...certificate, forwarded: parseForwardedCertificate(forwarded) };
  }
  let credential = ofPeers.get(peer);
  if (credential === undefined) {
    credential = { via: "certificate", ...certificate, forwarded: undefined };
    ofPeers.set(peer, credential);
  }
  return credential;
}

function readBearer(authorization: string, jwts: JwtVerifier | undefined): Credential | Promise<Credential> {
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw tokenInvalid("Authorization must be Bearer and a token");
  const id = tokenIdOf(token);
  if (id !== undefined) return { via: "token", id, digest: digestToken(token) };
  if (jwts === undefined) throw tokenInvalid();
  return jwts.verify(token);
}
