import { createHash, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DuetError } from "../errors.ts";

/** The header by which a replica proves that it is one. */
const header = "duetkv-peer-proof";

const secretBytesMin = 16;

/** What the replicas of a store know, and their clients do not. */
export class PeerProof {
  /** Derived from the secret, in hexadecimal; undefined: there is no secret, and no proof is needed. */
  readonly #proof: string | undefined;

  private constructor(proof: string | undefined) {
    this.#proof = proof;
  }

  /** No proof is needed: for replicas that only processes of the same machine can reach. */
  static readonly none = new PeerProof(undefined);

  /** Reads the secret of all replicas. Rejects when the file cannot be read, or is shorter than 16 bytes. */
  static async read(file: string): Promise<PeerProof> {
    const secret = (await readFile(file, "utf8")).trim();
    if (Buffer.byteLength(secret) < secretBytesMin) {
      throw new Error(
        `the peer secret in ${file} is shorter than ${secretBytesMin} bytes; make a longer one`,
      );
    }
    return new PeerProof(createHash("sha256").update(`duetkv peer ${secret}`).digest("hex"));
  }

  get isNeeded(): boolean {
    return this.#proof !== undefined;
  }

  /** Those of a request to another replica. */
  get headers(): Readonly<Record<string, string>> {
    return this.#proof === undefined ? {} : { [header]: this.#proof };
  }

  /** Throws CREDENTIALS_MISSING when a caller does not prove that it is a replica. */
  require(headers: Headers): void {
    if (this.#proof === undefined) return;
    const shown = Buffer.from(headers.get(header) ?? "");
    const expected = Buffer.from(this.#proof);
    if (shown.length === expected.length && timingSafeEqual(shown, expected)) return;
    throw new DuetError("CREDENTIALS_MISSING", "this method is for the replicas of the store alone");
  }
}
