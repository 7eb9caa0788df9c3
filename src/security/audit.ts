import type { AuditLevel } from "./audit-levels.ts";

/** A line of the audit. It has no values and no credentials. */
export interface AuditRecord {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** `ok`, `denied` for a call that was refused to this caller, or `failed`. */
  readonly outcome: "ok" | "denied" | "failed";
  readonly identity: string;
  readonly via: string;
  /** `duetkv.v1.KeyValueService/Put`. */
  readonly method: string;
  readonly protocol: string;
  readonly right: string;
  /** At most eight of the keys and prefixes that the call is about. */
  readonly keys: readonly string[];
  readonly key_count: number;
  /** Of the error; empty when there was none. */
  readonly reason: string;
  /** Of the response; undefined when it has none. */
  readonly revision: string | undefined;
  /** The address of the client. */
  readonly peer: string;
  readonly trace_id: string | undefined;
  /** SHA-256 of the policy file, hexadecimal. */
  readonly policy: string | undefined;
}

/** Takes lines without making anybody wait. */
export interface AuditSink {
  write(line: string): void;
  /** Lines that were dropped, because a disk or a reader did not take them. */
  readonly dropped: number;
  /** Opens the file by its name again, which may have been given to another one. */
  reopen(): void;
  close(): Promise<void>;
}

/** Writes down calls, as lines of JSON. */
export class Audit {
  readonly #level: AuditLevel;
  readonly #sink: AuditSink;

  constructor(level: AuditLevel, sink: AuditSink) {
    this.#level = level;
    this.#sink = sink;
  }

  /** Whether a call with this outcome is to be written down. */
  takes(outcome: AuditRecord["outcome"], right: AuditRecord["right"]): boolean {
    if (this.#level === "all") return true;
    if (outcome === "denied") return this.#level !== "off";
    return this.#level === "writes" && (right === "write" || right === "delete");
  }

  write(record: AuditRecord): void {
    this.#sink.write(`${JSON.stringify(record)}\n`);
  }

  close(): Promise<void> {
    return this.#sink.close();
  }
}
