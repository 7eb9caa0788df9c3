import { setTimeout as delay } from "node:timers/promises";
import { DuetError } from "../../errors.ts";
import { retain } from "../retain.ts";
import { backoffMs } from "../shared/backoff.ts";
import { Doorbell } from "../shared/doorbell.ts";
import type { Retention, Transaction } from "../transaction-logger.ts";
import { startingApplied } from "./beat.ts";
import { type Cursor, transactionsOf } from "./chain.ts";
import type { Heartbeat } from "./heartbeat.ts";
import type { History } from "./history.ts";
import { encodeHead, type LogHead } from "./log-head.ts";
import { LogReader } from "./log-reader.ts";
import { snapshotOf } from "./replay.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";

export interface CompactionOptions {
  readonly history: History;
  readonly heartbeat: Heartbeat;
  /** The id of this replica. */
  readonly replica: string;
  readonly retention: Retention;
  /** A replica without a heartbeat for so long counts as dead and does not delay compaction. */
  readonly replicaTimeoutMs: number;
  /** How long to wait for live replicas that have not applied the horizon. */
  readonly waitMs: number;
  /** How long to look for the outcome of a head that was not confirmed. */
  readonly outcomeMs: number;
  readonly signal: AbortSignal;
}

/**
 * Writes a snapshot of what `retention` keeps, makes it the start of the log, and drops the batches and the snapshots
 * before it. Resolves with false when another replica is compacting.
 *
 * The head changes only from the one that this compaction has read. So of two compactions one fails, and a snapshot that
 * was there before the head changed belongs to a compaction that fails or has ended: it can be dropped.
 */
export async function compact(options: CompactionOptions): Promise<boolean> {
  const { history, heartbeat, replica } = options;
  try {
    await heartbeat.setCompacting(true);
    if (
      heartbeat.replicas.some((other) => other.compacting && other.id < replica && other.silentMs < 10_000)
    ) {
      return false;
    }
    await waitForReplicas(options);
    const end = await history.barrier();
    const { position, head } = await history.readHead(end);
    if (head.horizon >= options.retention.horizon) return true;
    const writer = new SnapshotWriter(history.driver);
    const next = await writeSnapshot(options, writer, head, end).catch(async (error: unknown) => {
      await dropUnused(history, writer.id);
      throw error;
    });
    const replaced = (await history.driver.snapshots()).filter((id) => id !== writer.id);
    await changeHead(options, position, next, writer.id);
    await history.driver.trim(next.cursor.position);
    for (const id of replaced) await history.driver.dropSnapshot(id);
    return true;
  } finally {
    await heartbeat.setCompacting(false).catch((error: unknown) => heartbeat.suspect(error));
  }
}

async function waitForReplicas(options: CompactionOptions): Promise<void> {
  const { heartbeat, retention, replicaTimeoutMs, waitMs, signal } = options;
  const { horizon } = retention;
  for (const until = performance.now() + waitMs; ; ) {
    signal.throwIfAborted();
    // A starting replica may be one of a crash loop. It is not waited for longer: it reads a compacted log again.
    const patient = performance.now() < until;
    const { replicas } = heartbeat;
    const late = replicas.some(
      ({ applied, silentMs }) =>
        applied < horizon && silentMs < replicaTimeoutMs && (patient || applied > startingApplied),
    );
    // Without even this replica, the list was not read yet.
    if (!late && replicas.length > 0) return;
    if (!patient) {
      throw new DuetError(
        "LOG_UNAVAILABLE",
        `a live replica has not applied sequence ${horizon} after ${waitMs} ms; compaction is retried later`,
      );
    }
    await new Doorbell().wait(100, signal);
    await heartbeat.now();
  }
}

/** Resolves with the head that names the snapshot. */
async function writeSnapshot(
  { history, retention, signal }: CompactionOptions,
  writer: SnapshotWriter,
  head: LogHead,
  end: number,
): Promise<LogHead> {
  const { horizon } = retention;
  const keep = async (transactions: readonly Transaction[]) => {
    signal.throwIfAborted();
    for (const transaction of transactions) {
      const retained = retain(transaction, retention);
      if (retained !== undefined) await writer.add(retained);
    }
  };
  for await (const transactions of snapshotOf(history, head)) await keep(transactions);
  let cursor: Cursor = head.cursor;
  let last = head.horizon;
  for await (const batches of new LogReader(history, cursor).readTo(end, signal)) {
    for (const batch of batches) {
      const { header } = batch;
      if (header.basis >= horizon) break;
      const isAfter = ({ sequence }: Transaction) => sequence > head.horizon && sequence <= horizon;
      await keep(transactionsOf(batch).filter(isAfter));
      if (header.last <= horizon) cursor = batch.end;
    }
    last = batches.at(-1)?.header.last ?? last;
    if (last >= horizon) break;
  }
  if (last < horizon) throw history.wentBack(`it ends at ${last}, and this replica has applied ${horizon}`);
  const pieces = await writer.end(horizon);
  return { log: head.log, horizon, snapshot: { id: writer.id, pieces }, cursor };
}

/**
 * Rejects when another head took the place of the one at `position`, and with OUTCOME_UNKNOWN: then the snapshot stays,
 * because the head may be in the log.
 */
export async function changeHead(
  { history, outcomeMs, signal }: Pick<CompactionOptions, "history" | "outcomeMs" | "signal">,
  position: number,
  head: LogHead,
  snapshot: string,
): Promise<void> {
  const bytes = encodeHead(head);
  let cause: unknown;
  for (let failures = 0, until = performance.now() + outcomeMs; ; failures++) {
    const found = await tryChange(history, position, bytes).catch((error: unknown) => {
      cause = error;
    });
    if (found?.head.snapshot?.id === snapshot) return;
    if (found !== undefined && found.position > position) {
      await dropUnused(history, snapshot);
      throw new DuetError("LOG_UNAVAILABLE", "another replica has compacted the log meanwhile");
    }
    if (performance.now() > until || signal.aborted) {
      const message = "the log did not confirm the result of a compaction; compaction is retried later";
      throw new DuetError("OUTCOME_UNKNOWN", message, { cause });
    }
    await delay(backoffMs(failures));
  }
}

/** Only what the log has afterwards tells whether the head was changed. */
async function tryChange(history: History, position: number, bytes: Buffer) {
  let failure: { readonly error: unknown } | undefined;
  await history.driver.trySetHead(position, bytes).catch((error: unknown) => {
    failure = { error };
  });
  const found = await history.readHead(await history.barrier());
  if (failure !== undefined && found.position === position) throw failure.error;
  return found;
}

/** Drops a snapshot that no head has named. */
export async function dropUnused(history: History, snapshot: string): Promise<void> {
  await history.driver.dropSnapshot(snapshot).catch((error: unknown) => {
    // The next compaction drops it.
    history.log.warn({ err: error, snapshot }, "dropping an unused snapshot failed");
  });
}
