import { createHash, timingSafeEqual } from "node:crypto";
import type { Quota } from "../database.ts";
import { DuetError } from "../errors.ts";
import type { CallRate, Credential, Identity } from "./identity.ts";
import { parsePolicy } from "./parse-policy.ts";
import type { JwtIssuer, PolicyFile } from "./policy-schema.ts";
import { RoleSet, toCallRate } from "./role-set.ts";

const roleSetsMax = 10_000;

type TokenCredential = Credential & { readonly via: "token" };
type CertificateCredential = Credential & { readonly via: "certificate" };
type JwtCredential = Credential & { readonly via: "jwt" };

interface Token {
  readonly name: string;
  readonly digest: Buffer;
  readonly expires: number | undefined;
  readonly roles: RoleSet;
}

interface Certificate {
  readonly name: string;
  readonly isProxy: boolean;
  readonly roles: RoleSet;
}

/** One content of a policy file: who is who, and who may do what. It never changes; a new file makes a new one. */
export class Policy {
  /** Of the file, in hexadecimal. */
  readonly sha256: string;
  readonly issuers: readonly JwtIssuer[];
  /** What each client address may call, whoever it is. */
  readonly addressRate: CallRate | undefined;
  readonly quotas: readonly Quota[];
  readonly #file: PolicyFile;
  readonly #tokens: ReadonlyMap<string, Token>;
  readonly #certificates: ReadonlyMap<string, Certificate>;
  readonly #roleSets = new Map<string, RoleSet>();
  /** A bearer token stays the same object for the calls of a connection: it is judged for the first of them. */
  readonly #identities = new WeakMap<TokenCredential | JwtCredential, Identity>();
  readonly #anonymous: Identity;

  /** `text` is the content of a policy file. Throws PolicyError. */
  constructor(text: string) {
    this.sha256 = createHash("sha256").update(text).digest("hex");
    const file = parsePolicy(text);
    this.#file = file;
    this.issuers = file.jwt;
    this.addressRate = toCallRate(file.limits.find(({ role }) => role === undefined));
    this.quotas = file.quotas.map(({ prefix, bytes: bytesMax, entries: entriesMax }) => {
      return { prefix, bytesMax, entriesMax };
    });
    this.#tokens = new Map(
      file.tokens.map(({ id, name, hash, roles, expires }) => [
        id,
        {
          name,
          digest: Buffer.from(hash.slice("sha256:".length), "hex"),
          expires: expires === undefined ? undefined : Date.parse(expires),
          roles: this.#roleSet(roles),
        },
      ]),
    );
    this.#certificates = new Map(
      file.certificates.map(({ uri, dns, name, roles, proxy }) => [
        uri === undefined ? `dns:${dns?.toLowerCase()}` : `uri:${uri}`,
        { name, isProxy: proxy, roles: this.#roleSet(roles) },
      ]),
    );
    this.#anonymous = {
      ...toIdentity("anonymous", "", this.#roleSet(file.anonymous), undefined),
      known: file.anonymous.length > 0,
    };
  }

  /** Throws TOKEN_INVALID, TOKEN_EXPIRED or CERTIFICATE_UNKNOWN for a credential of nobody, or of nobody any more. */
  identify(credential: Credential, now: number = Date.now()): Identity {
    switch (credential.via) {
      case "anonymous":
        return this.#anonymous;
      case "certificate":
        return this.#identifyCertificate(credential, now);
      case "token":
      case "jwt":
        return this.#identifyBearer(credential, now);
    }
  }

  #identifyBearer(credential: TokenCredential | JwtCredential, now: number): Identity {
    let identity = this.#identities.get(credential);
    if (identity === undefined) {
      identity = credential.via === "token" ? this.#findToken(credential) : this.#findJwtCaller(credential);
      this.#identities.set(credential, identity);
    }
    const { expires } = identity;
    if (expires !== undefined && now >= expires)
      throw new DuetError("TOKEN_EXPIRED", "the token has expired");
    return identity;
  }

  #findToken({ id, digest }: TokenCredential): Identity {
    const token = this.#tokens.get(id);
    if (token === undefined || !timingSafeEqual(token.digest, digest)) throw tokenInvalid();
    return toIdentity("token", token.name, token.roles, token.expires);
  }

  #identifyCertificate({ names, forwarded, expires }: CertificateCredential, now: number): Identity {
    if (now >= expires) throw certificateUnknown("the client certificate has expired");
    const own = this.#findCertificate(names);
    const certificate =
      own?.isProxy === true && forwarded !== undefined ? this.#findCertificate(forwarded) : own;
    if (certificate === undefined)
      throw certificateUnknown("the policy knows no name of the client certificate");
    return toIdentity("certificate", certificate.name, certificate.roles, expires);
  }

  #findCertificate(names: readonly string[]): Certificate | undefined {
    for (const name of names) {
      const certificate = this.#certificates.get(name);
      if (certificate !== undefined) return certificate;
    }
    return undefined;
  }

  #findJwtCaller({ issuer, audience, claims, expires }: JwtCredential): Identity {
    const found = this.issuers.find((each) => each.issuer === issuer && each.audience === audience);
    if (found === undefined) throw tokenInvalid();
    const name = claims[found.name];
    if (typeof name !== "string" || !/^[^\p{Cc}]{1,256}$/u.test(name) || !name.isWellFormed()) {
      throw tokenInvalid("the token has no name of the caller in its claim");
    }
    const claim = claims[found.roles.claim];
    const groups = Array.isArray(claim) ? claim : [claim];
    const roles = this.#roleSet([
      ...new Set(groups.flatMap((group) => (typeof group === "string" ? rolesOf(found, group) : []))),
    ]);
    if (roles.usesName && name.includes("/")) {
      throw tokenInvalid("the name of the caller has a /, and a role makes a prefix of it");
    }
    return toIdentity("jwt", name, roles, expires);
  }

  #roleSet(names: readonly string[]): RoleSet {
    const key = JSON.stringify(names);
    let roles = this.#roleSets.get(key);
    if (roles === undefined) {
      roles = new RoleSet(this.#file, names);
      // An issuer of JWTs may combine roles as it likes.
      if (this.#roleSets.size >= roleSetsMax)
        this.#roleSets.delete(this.#roleSets.keys().next().value as string);
      this.#roleSets.set(key, roles);
    }
    return roles;
  }
}

function rolesOf({ roles }: JwtIssuer, group: string): readonly string[] {
  return Object.hasOwn(roles.map, group) ? (roles.map[group] as string[]) : [];
}

function toIdentity(
  via: Credential["via"],
  name: string,
  roles: RoleSet,
  expires: number | undefined,
): Identity {
  return { name, via, expires, rights: roles.rightsOf(name), callRate: roles.callRate, known: true };
}

export function tokenInvalid(message = "the token is not valid"): DuetError {
  return new DuetError("TOKEN_INVALID", message);
}

function certificateUnknown(message: string): DuetError {
  return new DuetError("CERTIFICATE_UNKNOWN", message);
}
