import type { IncomingHttpHeaders } from "node:http";
import { parseForwardedCertificate } from "./forwarded-certificate.ts";
import type { Credential } from "./identity.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import type { Peer } from "./peer.ts";
import { tokenInvalid } from "./policy.ts";
import { digestToken, tokenIdOf } from "./token.ts";

/** What tells who calls. */
export interface CallOrigin {
  /** Names are in lower case. */
  readonly headers: IncomingHttpHeaders;
  readonly peer: Peer;
}

const anonymous: Credential = { via: "anonymous" };

/** Certificates are of connections, not of calls: without a forwarded one they are read once. */
const ofPeers = new WeakMap<Peer, Credential>();

/**
 * The token that came last on a connection, and its hash: making that takes several times as long as all the rest. Whether
 * the policy knows the hash is asked for each call.
 */
const lastTokens = new WeakMap<Peer, { readonly authorization: string; readonly credential: Credential }>();

/**
 * Finds what a caller proves: a bearer token before a client certificate, or else nothing. Throws or rejects with
 * TOKEN_INVALID or TOKEN_EXPIRED for a bearer that proves nothing: it never falls back to the rest.
 */
export function readCredential(
  { headers, peer }: CallOrigin,
  jwts: JwtVerifier | undefined,
): Credential | Promise<Credential> {
  const { authorization } = headers;
  if (authorization !== undefined) return readBearer(authorization, peer, jwts);
  const { certificate } = peer;
  if (certificate === undefined) return anonymous;
  const forwarded = headers["x-forwarded-client-cert"];
  if (typeof forwarded === "string") {
    return { via: "certificate", ...certificate, forwarded: parseForwardedCertificate(forwarded) };
  }
  let credential = ofPeers.get(peer);
  if (credential === undefined) {
    credential = { via: "certificate", ...certificate, forwarded: undefined };
    ofPeers.set(peer, credential);
  }
  return credential;
}

function readBearer(
  authorization: string,
  peer: Peer,
  jwts: JwtVerifier | undefined,
): Credential | Promise<Credential> {
  const last = lastTokens.get(peer);
  if (last?.authorization === authorization) return last.credential;
  const token = /^Bearer +(\S+)$/i.exec(authorization)?.[1];
  if (token === undefined) throw tokenInvalid("Authorization must be Bearer and a token");
  const id = tokenIdOf(token);
  if (id !== undefined) {
    const credential: Credential = { via: "token", id, digest: digestToken(token) };
    lastTokens.set(peer, { authorization, credential });
    return credential;
  }
  if (jwts === undefined) throw tokenInvalid();
  return jwts.verify(token);
}
