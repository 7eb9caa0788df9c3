import { resolve } from "node:path";
import type { Logger } from "../logging.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import type { KeySource } from "./key-source.ts";
import type { JwtIssuer } from "./policy-schema.ts";

export interface IssuerKeysOptions {
  /** Where the paths of files begin. */
  readonly directory: string;
  readonly log: Logger;
  /** Called when an issuer has other keys. Must not throw. */
  readonly onChange: () => void;
}

/** The keys of the issuers that the policy trusts. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  /** By location. Kept from policy to policy: an issuer that is away must not take its keys with it. */
  readonly #sources = new Map<string, KeySource>();
  #failures = 0;

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /** How often keys could not be read. */
  get failures(): number {
    return this.#failures;
  }

  /** How many sets of keys could not be read the last time. */
  get stale(): number {
    return [...this.#sources.values()].filter(({ isStale }) => isStale).length;
  }

  /** The paths of those that are in files. */
  get files(): readonly string[] {
    return [...this.#sources].filter(([, { isFile }]) => isFile).map(([location]) => location);
  }

  /** Prepares to verify tokens of these issuers, and of no others. Undefined: there are none. */
  async trust(issuers: readonly JwtIssuer[]): Promise<JwtVerifier | undefined> {
    const { directory, log, onChange } = this.#options;
    let jwts: JwtVerifier | undefined;
    let sources: ReadonlySet<KeySource> = new Set();
    if (issuers.length > 0) {
      // Loaded for those alone who use it.
      const [{ KeySource }, { JwtVerifier }] = await Promise.all([
        import("./key-source.ts"),
        import("./jwt-verifier.ts"),
      ]);
      const onFailure = (error: unknown, location: string) => {
        this.#failures++;
        log.warn({ err: error, location }, "keys of a token issuer not read; those before stay in use");
      };
      const trusted = issuers.map((issuer) => {
        const isUrl = /^https?:/i.test(issuer.jwks);
        const location = isUrl ? issuer.jwks : resolve(directory, issuer.jwks);
        const source = this.#sources.get(location) ?? new KeySource({ location, onFailure, onChange });
        this.#sources.set(location, source);
        return { ...issuer, source };
      });
      jwts = new JwtVerifier(trusted);
      sources = new Set(trusted.map(({ source }) => source));
    }
    for (const [location, source] of this.#sources) {
      if (sources.has(source)) continue;
      source.close();
      this.#sources.delete(location);
    }
    return jwts;
  }

  /** Reads the keys that are in files now. What cannot be read is reported and changes nothing. */
  async refreshFiles(): Promise<void> {
    const files = [...this.#sources.values()].filter(({ isFile }) => isFile);
    await Promise.all(files.map((source) => source.refresh()));
  }

  close(): void {
    for (const source of this.#sources.values()) source.close();
  }
}
