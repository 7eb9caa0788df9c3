import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { type FileWatch, watchFiles } from "../config/file-watch.ts";
import type { Logger } from "../logging.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import type { KeySource } from "./key-source.ts";
import { Policy } from "./policy.ts";

export interface PolicySourceOptions {
  readonly path: string;
  readonly log: Logger;
  /** Called when another policy is in force. Must not throw. */
  readonly onChange: (policy: Policy) => void;
  /** Called when an issuer has other keys. Must not throw. */
  readonly onKeysChange: (jwts: JwtVerifier) => void;
  /** Between two looks at the file, in milliseconds. */
  readonly pollMs?: number;
}

/** The policy in force: that of the newest content of its file that is one. */
export class PolicySource {
  readonly #options: PolicySourceOptions;
  #policy: Policy;
  #jwts: JwtVerifier | undefined = undefined;
  /** Kept from policy to policy: an issuer that is away must not take its keys with it. */
  readonly #keySources = new Map<string, KeySource>();
  #watch: FileWatch | undefined = undefined;
  #loading: Promise<void> | undefined = undefined;
  #closed = false;
  #failures = 0;
  #isStale = false;

  /** Rejects with PolicyError, or with the error of the file system. */
  static async open(options: PolicySourceOptions): Promise<PolicySource> {
    const source = new PolicySource(options, new Policy(await readFile(options.path, "utf8")));
    // The watch begins before the file is read again: what changes meanwhile is not missed.
    await source.#trust(source.#policy);
    await source.reload();
    return source;
  }

  private constructor(options: PolicySourceOptions, policy: Policy) {
    this.#options = options;
    this.#policy = policy;
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** Undefined when the policy trusts no issuer. */
  get jwts(): JwtVerifier | undefined {
    return this.#jwts;
  }

  /** How often the file could not be used. */
  get failures(): number {
    return this.#failures;
  }

  /** Whether the file holds something else than the policy in force. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** Reads the file now. A file that is no policy is reported, and the one in force stays. */
  async reload(): Promise<void> {
    // One that is under way may have read the file before the call.
    await this.#loading;
    this.#loading ??= this.#load().finally(() => {
      this.#loading = undefined;
    });
    await this.#loading;
  }

  async #load(): Promise<void> {
    const { path, log, onChange } = this.#options;
    try {
      const text = await readFile(path, "utf8");
      const policy = new Policy(text);
      const before = this.#policy.sha256;
      await this.#trust(policy);
      this.#policy = policy;
      this.#isStale = false;
      if (policy.sha256 === before) return;
      log.info({ path, sha256: policy.sha256 }, "policy reloaded");
      onChange(policy);
    } catch (error) {
      this.#failures++;
      this.#isStale = true;
      log.error(
        { path, mistakes: (error as Error).message.split("\n"), inForce: this.#policy.sha256 },
        "policy not reloaded; the one before stays in force",
      );
    }
  }

  /** Prepares to verify tokens of the issuers of a policy, and watches its files. */
  async #trust({ issuers }: Policy): Promise<void> {
    const { path, log, onKeysChange, pollMs } = this.#options;
    let jwts: JwtVerifier | undefined;
    let sources: ReadonlySet<KeySource> = new Set();
    if (issuers.length > 0) {
      // Loaded for those alone who use it.
      const [{ KeySource }, { JwtVerifier }] = await Promise.all([
        import("./key-source.ts"),
        import("./jwt-verifier.ts"),
      ]);
      const onFailure = (error: unknown, location: string) =>
        log.warn({ err: error, location }, "keys of a token issuer not read; those before stay in use");
      const onChange = () => {
        if (this.#jwts !== undefined) onKeysChange(this.#jwts);
      };
      const trusted = issuers.map((issuer) => {
        const isUrl = /^https?:/i.test(issuer.jwks);
        const location = isUrl ? issuer.jwks : resolve(dirname(path), issuer.jwks);
        const source = this.#keySources.get(location) ?? new KeySource({ location, onFailure, onChange });
        this.#keySources.set(location, source);
        return { ...issuer, source };
      });
      jwts = new JwtVerifier(trusted);
      sources = new Set(trusted.map(({ source }) => source));
      await Promise.all(trusted.map(({ source }) => (source.isFile ? source.refresh() : Promise.resolve())));
    }
    for (const [location, source] of this.#keySources) {
      if (sources.has(source)) continue;
      source.close();
      this.#keySources.delete(location);
    }
    const files = [...this.#keySources].filter(([, { isFile }]) => isFile).map(([location]) => location);
    const watch = await watchFiles({
      paths: [path, ...files],
      onChange: () => void this.reload(),
      ...(pollMs !== undefined && { pollMs }),
    });
    this.#watch?.close();
    if (this.#closed) watch.close();
    this.#watch = watch;
    this.#jwts = jwts;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    for (const source of this.#keySources.values()) source.close();
  }
}
