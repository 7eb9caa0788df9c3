import type { Rights } from "./rights.ts";

/** What a caller has proved. A policy tells what identity that is, and the next policy may tell otherwise. */
export type Credential =
  | { readonly via: "anonymous" }
  | { readonly via: "token"; readonly id: string /** SHA-256 of the whole token. */; readonly digest: Buffer }
  | {
      readonly via: "certificate";
      /** Its subject alternative names, `uri:…` before `dns:…`. */
      readonly names: readonly string[];
      /** Milliseconds since 1970. */
      readonly expires: number;
      /** Those of the certificate that a proxy has verified and forwards. */
      readonly forwarded: readonly string[] | undefined;
    }
  | {
      readonly via: "jwt";
      /** Verified again when the keys of its issuer change. Never logged. */
      readonly token: string;
      /** Those of the policy by which it was verified. */
      readonly issuer: string;
      readonly audience: string;
      readonly claims: Readonly<Record<string, unknown>>;
      /** Milliseconds since 1970. */
      readonly expires: number;
    };

export interface Identity {
  /** Empty: anonymous. */
  readonly name: string;
  readonly via: Credential["via"];
  /** Milliseconds since 1970; undefined: never. */
  readonly expires: number | undefined;
  readonly rights: Rights;
  /** Calls that it may make; undefined: any number. */
  readonly callRate: CallRate | undefined;
  /** Whether it counts as one: a caller without credentials does when the policy gives roles to `anonymous`. */
  readonly known: boolean;
}

export interface CallRate {
  readonly callsPerSecond: number;
  /** Calls that may come at once after a pause. */
  readonly burst: number;
}
