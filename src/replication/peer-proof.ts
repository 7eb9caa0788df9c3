import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { DuetError } from "../errors.ts";

/** The header by which a replica proves that it is one: a time, and the HMAC of what the proof is for. */
export const proofHeader = "duetkv-peer-proof";

const secretBytesMin = 16;

/** A proof is accepted for so long, in milliseconds, before and after its time. */
const validMs = 30_000;

/** What a proof is for: another store, replica or time does not accept it. */
export interface ProofSubject {
  readonly storeId: string;
  /** Of the replica that is called. */
  readonly replicaId: string;
  /** By the clock of the log, in milliseconds since 1970 UTC. */
  readonly time: number;
}

/** The secrets that the replicas of a store know, and their clients do not. */
export class PeerProof {
  /** Derived from the secrets. The first one makes proofs, and each of them is accepted. Empty: no proof is needed. */
  #keys: readonly Buffer[];

  private constructor(keys: readonly Buffer[]) {
    this.#keys = keys;
  }

  /** No proof is needed: for replicas that only processes of the same machine can reach. */
  static readonly none = new PeerProof([]);

  /** Reads the secrets, one a line. Rejects when the file cannot be read, or one is shorter than 16 bytes. */
  static async read(file: string): Promise<PeerProof> {
    return new PeerProof(await readKeys(file));
  }

  /** Reads the secrets again. Rejects as `read` does; the old ones then stay in use. Resolves with whether they are others. */
  async reload(file: string): Promise<boolean> {
    const keys = await readKeys(file);
    const isSame =
      keys.length === this.#keys.length && keys.every((key, index) => this.#keys[index]?.equals(key));
    this.#keys = keys;
    return !isSame;
  }

  get isNeeded(): boolean {
    return this.#keys.length > 0;
  }

  /** Those of a request. */
  headers(subject: ProofSubject): Readonly<Record<string, string>> {
    const [key] = this.#keys;
    return key === undefined
      ? {}
      : { [proofHeader]: `${subject.time}.${sign(key, subject).toString("hex")}` };
  }

  /**
   * Throws CREDENTIALS_MISSING when a caller does not prove that it is a replica. `shown` is the value of its header; the
   * time of the subject is now.
   */
  require(shown: string | undefined, { storeId, replicaId, time: now }: ProofSubject): void {
    if (!this.isNeeded) return;
    const [time = "", code = ""] = (shown ?? "").split(".");
    const subject = { storeId, replicaId, time: Number(time) };
    const given = Buffer.from(code, "hex");
    const isTimely = Math.abs(now - subject.time) <= validMs;
    const isSigned = this.#keys.some((key) => isEqual(sign(key, subject), given));
    if (isTimely && isSigned) return;
    throw new DuetError("CREDENTIALS_MISSING", "this method is for the replicas of the store alone");
  }
}

async function readKeys(file: string): Promise<readonly Buffer[]> {
  const lines = (await readFile(file, "utf8")).split("\n").map((line) => line.trim());
  const secrets = lines.filter((line) => line !== "");
  if (secrets.length === 0) throw new Error(`no peer secret in ${file}`);
  const short = lines.findIndex((line) => line !== "" && Buffer.byteLength(line) < secretBytesMin);
  if (short >= 0) {
    const problem = `the peer secret in line ${short + 1} of ${file} is shorter than ${secretBytesMin} bytes`;
    throw new Error(`${problem}; make a longer one, in one line`);
  }
  return secrets.map((secret) => createHash("sha256").update(`duetkv peer ${secret}`).digest());
}

function sign(key: Buffer, { storeId, replicaId, time }: ProofSubject): Buffer {
  return createHmac("sha256", key).update(`forward ${storeId} ${replicaId} ${time}`).digest();
}

function isEqual(expected: Buffer, given: Buffer): boolean {
  return expected.length === given.length && timingSafeEqual(expected, given);
}
