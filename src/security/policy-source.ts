import { readFile } from "node:fs/promises";
import { dirname } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { type FileWatch, watchFiles } from "../config/file-watch.ts";
import type { Logger } from "../logging.ts";
import { IssuerKeys } from "./issuer-keys.ts";
import type { JwtVerifier } from "./jwt-verifier.ts";
import { Policy } from "./policy.ts";

export interface PolicySourceOptions {
  readonly path: string;
  readonly log: Logger;
  /** Called when another policy is in force; `jwts` verifies the tokens of its issuers, if it has any. Must not throw. */
  readonly onChange: (policy: Policy, jwts: JwtVerifier | undefined) => void;
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
  readonly #keys: IssuerKeys;
  #watch: FileWatch | undefined = undefined;
  #watched: readonly string[] = [];
  #loading: Promise<void> | undefined = undefined;
  #closed = false;
  #failures = 0;
  #isStale = false;

  /** Rejects with PolicyError, or with the error of the file system. */
  static async open(options: PolicySourceOptions): Promise<PolicySource> {
    const source = new PolicySource(options, new Policy(await readFile(options.path, "utf8")));
    await source.#use(source.#policy);
    // The watch has begun before the file is read again: what changed meanwhile is not missed.
    await source.reload();
    return source;
  }

  private constructor(options: PolicySourceOptions, policy: Policy) {
    this.#options = options;
    this.#policy = policy;
    const { path, log, onKeysChange } = options;
    const onChange = () => {
      if (this.#jwts !== undefined) onKeysChange(this.#jwts);
    };
    this.#keys = new IssuerKeys({ directory: dirname(path), log, onChange });
  }

  get policy(): Policy {
    return this.#policy;
  }

  /** Undefined when the policy trusts no issuer. */
  get jwts(): JwtVerifier | undefined {
    return this.#jwts;
  }

  /** How often keys of its issuers could not be read, and how many sets of keys could not the last time. */
  get keys(): { readonly failures: number; readonly stale: number } {
    return this.#keys;
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
    const { path, log } = this.#options;
    try {
      // First: a mistake in the policy must not keep a key that is gone.
      await this.#keys.refreshFiles();
      const isWatchNew = await this.#use(new Policy(await readFile(path, "utf8")));
      // It does not report what changed before it began.
      if (isWatchNew) await this.#load();
    } catch (error) {
      this.#failures++;
      this.#isStale = true;
      log.error(
        { path, mistakes: (error as Error).message.split("\n"), inForce: this.#policy.sha256 },
        "policy not reloaded; the one before stays in force",
      );
    }
  }

  /** Puts a policy in force, and watches its files. True: by a new watch. */
  async #use(policy: Policy): Promise<boolean> {
    const { path, log, onChange } = this.#options;
    const jwts = await this.#keys.trust(policy.issuers);
    const before = this.#policy.sha256;
    this.#policy = policy;
    this.#jwts = jwts;
    this.#isStale = false;
    if (policy.sha256 !== before) {
      log.info({ path, sha256: policy.sha256 }, "policy reloaded");
      onChange(policy, jwts);
    }
    return this.#watchFiles();
  }

  /** True when other files are watched than before. */
  async #watchFiles(): Promise<boolean> {
    const { path, pollMs } = this.#options;
    const paths = [path, ...this.#keys.files];
    if (isDeepStrictEqual(paths, this.#watched)) return false;
    const watch = await watchFiles({
      paths,
      onChange: () => void this.reload(),
      ...(pollMs !== undefined && { pollMs }),
    });
    this.#watch?.close();
    if (this.#closed) watch.close();
    this.#watch = watch;
    this.#watched = paths;
    return true;
  }

  close(): void {
    this.#closed = true;
    this.#watch?.close();
    this.#keys.close();
  }
}
