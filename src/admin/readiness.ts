import type { DatabaseStatus } from "../database.ts";

/** One thing that serving depends on. */
export interface HealthCheck {
  readonly name: string;
  /** Whether reads need it too; writes need every check. */
  readonly forReads: boolean;
  /** What is wrong; undefined when nothing is. Contains no key, value or credential. */
  readonly fault: string | undefined;
}

type Status = Pick<DatabaseStatus, "fault" | "followsLog" | "difference">;

/** Whether this process serves reads and writes, for every probe: HTTP, gRPC health and GetStatus. */
export class Readiness {
  #status: (() => Status) | undefined = undefined;
  #draining = false;
  #replayed = 0;
  #end: number | undefined = undefined;

  /** The replay has come to `revision`. */
  replaying(revision: number): void {
    this.#replayed = revision;
  }

  /** The replay ends at about `revision`. */
  replayEndsAt(revision: number): void {
    this.#end = revision;
  }

  /** The log is replayed. */
  open(status: () => Status): void {
    this.#status = status;
  }

  /** The process is about to stop: it still serves, but every probe sends new work elsewhere. */
  drain(): void {
    this.#draining = true;
  }

  /** How far the replay is; undefined once it is over. */
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
