import { DuetError } from "../../errors.ts";
import { retain } from "../retain.ts";
import { Doorbell } from "../shared/doorbell.ts";
import type { Retention } from "../transaction-logger.ts";
import type { Connection } from "./connection/connection.ts";
import type { Connections } from "./connection/connections.ts";
import { lockSpace } from "./connection/migrations.ts";
import { refreshHead } from "./follow/head.ts";
import type { History } from "./follow/history.ts";
import { type PageLimits, readPage } from "./follow/page.ts";
import { corrupt, encodePiece } from "./follow/piece.ts";
import { PieceReader } from "./follow/piece-reader.ts";
import { startingApplied } from "./heartbeat/heartbeat.ts";

const compactionLock = 2;

/** Rows of `duetkv.batches` that one statement deletes. */
const sliceRows = 5_000;

export interface CompactionOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly retention: Retention;
  /** How much one short transaction reads and merges. */
  readonly limits: PageLimits;
  /** A replica without a heartbeat for so long counts as dead and does not delay compaction. */
  readonly replicaTimeoutMs: number;
  /** How long to wait for live replicas that have not applied `horizon`. */
  readonly waitMs: number;
  /** The server ends the session of this compaction, and so its lock, when it is idle for so long. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Drops the events that a replay of the state at `horizon` does not need, once every live replica has applied `horizon`.
 * The horizon moves first, so that reads from before it are refused. Then events are deleted, the oldest first: after each
 * step the remaining events of a key are its newest, so a replay ends in the same state. Resolves with false when another
 * replica is compacting.
 */
export async function compact(options: CompactionOptions): Promise<boolean> {
  const { connections, silenceMs } = options;
  return connections.transact("BEGIN", async (guard) => {
    await limitIdleTime(guard, silenceMs);
    const { rows } = await guard.query({
      text: `SELECT pg_try_advisory_xact_lock(${lockSpace}, ${compactionLock}) AS locked`,
    });
    if (rows[0]?.["locked"] !== true) return false;
    const guarded = new AbortController();
    const signal = AbortSignal.any([options.signal, guarded.signal]);
    const done = new AbortController();
    const guarding = keepAlive(guard, silenceMs, done.signal).catch((error: unknown) => guarded.abort(error));
    try {
      return await compactGuarded({ ...options, signal });
    } finally {
      done.abort();
      await guarding;
    }
  });
}

async function compactGuarded(options: CompactionOptions): Promise<boolean> {
  const { connections, history } = options;
  await connections.withConnection((connection) => moveHorizon(connection, options));
  if (!(await dropEvents(connections, options))) return false;
  await connections.withConnection(async (connection) => {
    await dropBatches(connection, options);
    await refreshHead(connection, history);
  });
  return true;
}

/** A paused process must not keep its locks: the server ends its session, and the transaction, after `silenceMs`. */
async function limitIdleTime(connection: Connection, silenceMs: number): Promise<void> {
  await connection.query({
    text: "SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
    values: [String(silenceMs)],
  });
}

/** Sends a statement often enough to keep the session until `signal` aborts. Rejects with the driver's error. */
async function keepAlive(guard: Connection, silenceMs: number, signal: AbortSignal): Promise<void> {
  const bell = new Doorbell();
  for (;;) {
    await bell.wait(silenceMs / 4, signal);
    if (signal.aborted) return;
    await guard.query({ text: "SELECT 1" });
  }
}

async function moveHorizon(connection: Connection, options: CompactionOptions): Promise<void> {
  const { history, replicaTimeoutMs, waitMs, signal } = options;
  const { horizon } = options.retention;
  const until = performance.now() + waitMs;
  for (;;) {
    signal.throwIfAborted();
    // A starting replica may be one of a crash loop. It is not waited for longer: it reads a compacted log again.
    const patient = performance.now() < until;
    if ((await refreshHead(connection, history)).horizon >= horizon) return;
    const { rowCount } = await connection.query({
      text: `UPDATE duetkv.log SET horizon = $1::bigint WHERE horizon < $1::bigint AND NOT EXISTS (
        SELECT FROM duetkv.replicas WHERE applied < $1::bigint AND ($3::boolean OR applied > ${startingApplied})
          AND seen > clock_timestamp() - $2::double precision * interval '1 millisecond')`,
      values: [horizon, replicaTimeoutMs, patient],
    });
    if (rowCount === 1) return;
    if (!patient) {
      throw new DuetError(
        "LOG_UNAVAILABLE",
        `a live replica has not applied sequence ${horizon} after ${waitMs} ms; compaction is retried later`,
      );
    }
    await new Doorbell().wait(100, signal);
  }
}

async function dropEvents(connections: Connections, options: CompactionOptions): Promise<boolean> {
  const { signal } = options;
  const { horizon } = options.retention;
  const reader = new PieceReader(0, horizon);
  const last = await connections.withConnection((connection) => readEnd(connection, horizon));
  while (reader.position < last) {
    signal.throwIfAborted();
    const locked = await connections.transact("BEGIN", async (connection) => {
      await limitIdleTime(connection, options.silenceMs);
      // Locked until the slice is done: if two replicas compact after all, neither writes a slice that the other has read.
      const { rowCount } = await connection.query({
        text: "SELECT FROM duetkv.log WHERE horizon = $1::bigint FOR UPDATE",
        values: [horizon],
      });
      if (rowCount !== 1) return false;
      await compactSlice(connection, reader, last, options);
      return true;
    });
    if (!locked) return false;
  }
  return true;
}

/** Where the row ends that contains the horizon, or the whole log. */
async function readEnd(connection: Connection, horizon: number): Promise<number> {
  const { rows } = await connection.query({
    text: `SELECT coalesce(min(last) FILTER (WHERE last >= $1::bigint), max(last), 0) AS last
      FROM duetkv.transactions`,
    values: [horizon],
  });
  return Number(rows[0]?.["last"]);
}

/** Merges what is retained of the next pieces up to `end` into one, which has a row also when nothing is left. */
async function compactSlice(
  connection: Connection,
  reader: PieceReader,
  end: number,
  { retention, limits }: CompactionOptions,
): Promise<void> {
  const { position: basis, batch: previous } = reader;
  const { pieces } = await readPage(connection, basis, end, limits);
  if (pieces.length === 0) throw corrupt(`the row of transaction ${end} is missing`);
  let dropped = false;
  const transactions = reader.add(pieces).flatMap((transaction) => {
    if (transaction.sequence > retention.horizon) return transaction;
    const live = retain(transaction, retention);
    if (live !== transaction) dropped = true;
    return live ?? [];
  });
  if (!dropped) return;
  const piece = encodePiece({ basis, last: reader.position, id: reader.batch, previous, transactions });
  await connection.query({
    name: "duetkv-drop",
    text: "DELETE FROM duetkv.transactions WHERE last > $1::bigint AND last <= $2::bigint",
    values: [basis, piece.last],
  });
  await connection.query({
    name: "duetkv-keep",
    text: "INSERT INTO duetkv.transactions (last, events) VALUES ($1::bigint, $2::bytea)",
    values: [piece.last, piece.events],
  });
}

/**
 * Deletes rows that nothing needs: each live replica has seen a later batch, and an append that was voided 7 days ago is
 * not on its way any more.
 */
async function dropBatches(connection: Connection, { retention, signal }: CompactionOptions): Promise<void> {
  for (let rowCount: number | null = sliceRows; rowCount === sliceRows; ) {
    signal.throwIfAborted();
    ({ rowCount } = await connection.query({
      text: `DELETE FROM duetkv.batches WHERE id IN (
        SELECT id FROM duetkv.batches WHERE basis < $1::bigint AND last < $1::bigint ORDER BY basis LIMIT ${sliceRows})`,
      values: [retention.horizon],
    }));
  }
  await connection.query({
    text: `DELETE FROM duetkv.batches WHERE basis IS NULL AND written < clock_timestamp() - interval '7 days'`,
  });
  await connection.query({
    text: "DELETE FROM duetkv.replicas WHERE seen < clock_timestamp() - interval '1 day'",
  });
}
