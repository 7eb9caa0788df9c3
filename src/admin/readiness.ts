import type { DatabaseStatus } from "../database.ts";

/** One condition for serving. */
export interface HealthCheck {
  readonly name: string;
  /** Whether reads need it, too. Writes need every check. */
  readonly forReads: boolean;
  /** The fault; undefined when the check passes. Contains no key, value or credential. */
  readonly fault: string | undefined;
}

type Status = Pick<DatabaseStatus, "fault" | "followsLog" | "difference">;

/** Whether this process serves reads and writes, for every probe: HTTP, gRPC health and GetStatus. */
export class Readiness {
  #status: (() => Status) | undefined = undefined;
  #draining = false;
  #replayed = 0;
  #end: number | undefined = undefined;

  /** Reports that the replay has reached `revision`. */
  replaying(revision: number): void {
    this.#replayed = revision;
  }

  /** Reports the approximate end of the replay. */
  replayEndsAt(revision: number): void {
    this.#end = revision;
  }

  /** Reports that the replay is complete. */
  open(status: () => Status): void {
    this.#status = status;
  }

  /** Makes every probe fail: the process still serves but is about to stop. */
  drain(): void {
    this.#draining = true;
  }

  /** The progress of the replay; undefined when it is complete. */
  get progress(): string | undefined {
    if (this.#status !== undefined) return undefined;
    const end = this.#end === undefined ? "" : ` of ${this.#end}`;
    return `replaying the log: revision ${this.#replayed}${end}`;
  }

  checks(): readonly HealthCheck[] {
    const status = this.#status?.();
    const follows = status?.followsLog === false ? "this replica no longer follows the log" : undefined;
    return [
      { name: "running", forReads: true, fault: this.#draining ? "draining" : undefined },
      { name: "replayed", forReads: true, fault: this.progress },
      { name: "log_writable", forReads: false, fault: status?.fault?.message },
      { name: "log_followed", forReads: true, fault: follows },
      { name: "replicas_agree", forReads: true, fault: status?.difference },
    ];
  }

  /** Why reads are not served; undefined when they are. */
  readsFault(): string | undefined {
    return this.checks().find(({ forReads, fault }) => forReads && fault !== undefined)?.fault;
  }

  /** Why writes are not accepted; undefined when they are. */
  writesFault(): string | undefined {
    return this.checks().find(({ fault }) => fault !== undefined)?.fault;
  }
}
