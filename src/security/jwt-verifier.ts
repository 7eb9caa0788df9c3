import { decodeJwt, errors, type JWTPayload, jwtVerify } from "jose";
import { DuetError } from "../errors.ts";
import type { Credential } from "./identity.ts";
import type { KeySource } from "./key-source.ts";
import { tokenInvalid } from "./policy.ts";
import type { JwtIssuer } from "./policy-schema.ts";
import { digestToken } from "./token.ts";

type JwtCredential = Credential & { readonly via: "jwt" };

/** Clocks of issuers differ by this much at most, in seconds. */
const leewaySeconds = 30;
const tokenLengthMax = 8192;
const verifiedMax = 10_000;

interface Verified {
  readonly credential: JwtCredential;
  readonly source: KeySource;
  readonly version: number;
}

export interface TrustedIssuer extends JwtIssuer {
  readonly source: KeySource;
}

/** Verifies JWTs of trusted issuers. Checking a signature takes 100 µs and more: a verified token is remembered until it ends. */
export class JwtVerifier {
  readonly #issuers: readonly TrustedIssuer[];
  /** By the hash of the token. */
  readonly #verified = new Map<string, Verified>();
  readonly #ofCredentials = new WeakMap<JwtCredential, Verified>();

  constructor(issuers: readonly TrustedIssuer[]) {
    this.#issuers = issuers;
  }

  /** Throws or rejects with TOKEN_INVALID or TOKEN_EXPIRED. */
  verify(token: string, now: number = Date.now()): JwtCredential | Promise<JwtCredential> {
    if (token.length > tokenLengthMax) throw tokenInvalid(`a token has at most ${tokenLengthMax} characters`);
    const digest = digestToken(token).toString("latin1");
    const known = this.#verified.get(digest);
    if (known !== undefined) {
      if (known.version === known.source.version && now < known.credential.expires) return known.credential;
      this.#verified.delete(digest);
    }
    return this.#verify(token, digest, now);
  }

  /** Whether this has verified a credential by the keys that its issuer has now. */
  hasVerified(credential: JwtCredential): boolean {
    const verified = this.#ofCredentials.get(credential);
    return verified !== undefined && verified.version === verified.source.version;
  }

  async #verify(token: string, digest: string, now: number): Promise<JwtCredential> {
    const candidates = this.#issuersOf(token);
    if (candidates.length === 0) throw tokenInvalid();
    let failure: unknown;
    for (const issuer of candidates) {
      const { version } = issuer.source;
      try {
        const credential = toCredential(issuer, token, await verifyWith(issuer, token, now), now);
        if (this.#verified.size >= verifiedMax) {
          this.#verified.delete(this.#verified.keys().next().value as string);
        }
        const verified = { credential, source: issuer.source, version };
        this.#verified.set(digest, verified);
        this.#ofCredentials.set(credential, verified);
        return credential;
      } catch (error) {
        // Clients renew a token that has expired, so another entry of the issuer must not hide that.
        if (!(failure instanceof errors.JWTExpired)) failure = error;
      }
    }
    if (failure instanceof DuetError) throw failure;
    if (failure instanceof errors.JWTExpired) throw new DuetError("TOKEN_EXPIRED", "the token has expired");
    throw new DuetError("TOKEN_INVALID", "the token is not valid", { cause: failure });
  }

  /** Those that the token names, which proves nothing yet. */
  #issuersOf(token: string): readonly TrustedIssuer[] {
    let claims: JWTPayload;
    try {
      claims = decodeJwt(token);
    } catch (cause) {
      throw new DuetError("TOKEN_INVALID", "the token is neither one of the policy nor a JWT", { cause });
    }
    return this.#issuers.filter(({ issuer }) => issuer === claims.iss);
  }
}

async function verifyWith(issuer: TrustedIssuer, token: string, now: number): Promise<JWTPayload> {
  const { source, audience, algorithms } = issuer;
  const verify = async () => {
    const keys = await source.keys();
    if (keys === undefined) throw tokenInvalid("the keys of the token's issuer cannot be read at present");
    const options = {
      issuer: issuer.issuer,
      audience,
      algorithms,
      clockTolerance: leewaySeconds,
      currentDate: new Date(now),
      requiredClaims: ["exp"],
    };
    const { payload } = await jwtVerify(token, keys, options);
    return payload;
  };
  try {
    return await verify();
  } catch (error) {
    if (!(error instanceof errors.JWKSNoMatchingKey) || !(await source.refreshForUnknownKey())) throw error;
    return verify();
  }
}

function toCredential(
  { issuer, audience }: JwtIssuer,
  token: string,
  claims: JWTPayload,
  now: number,
): JwtCredential {
  if (claims.iat !== undefined && claims.iat > now / 1000 + leewaySeconds) {
    throw tokenInvalid("the token was issued in the future");
  }
  // A NumericDate may have a fraction.
  const expires = Math.floor(((claims.exp as number) + leewaySeconds) * 1000);
  return { via: "jwt", token, issuer, audience, claims, expires };
}
