import { DuetError } from "../../errors.ts";
import { retainLive } from "../retain-live.ts";
import type { Connection } from "./connection/connection.ts";
import type { Connections } from "./connection/connections.ts";
import { Doorbell } from "./connection/doorbell.ts";
import { lockSpace } from "./connection/migrations.ts";
import { refreshHead } from "./follow/head.ts";
import type { History } from "./follow/history.ts";
import { type PageLimits, readPage } from "./follow/page.ts";
import { decodePiece, encodePiece } from "./follow/piece.ts";
import { startingApplied } from "./heartbeat/heartbeat.ts";

const compactionLock = 2;

/** How many batches are deleted in one. */
const sliceRows = 5_000;

export interface CompactionOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly horizon: number;
  readonly isLive: (key: string, sequence: number) => boolean;
  /** What is looked at, and put together, in one short transaction. */
  readonly limits: PageLimits;
  /** A replica that was not heard of for so long is dead and holds nothing back. */
  readonly replicaTimeoutMs: number;
  /** How long to wait for live replicas that have not come to the horizon. */
  readonly waitMs: number;
  /** When it gives no sign of life for so long, the server lets another replica compact. */
  readonly silenceMs: number;
  readonly signal: AbortSignal;
}

/**
 * Drops what is not needed to replay the state at `horizon`, once every live replica has passed it. First the horizon
 * is made known, so that who reads from before it is refused; then events go, older ones first: at every step the events
 * of a key that are left are its newest, and replaying them ends in the same state. Resolves with false when another
 * replica is at it.
 */
export async function compact(options: CompactionOptions): Promise<boolean> {
  const { connections, silenceMs } = options;
  return connections.transact("BEGIN", async (guard) => {
    await limitSilence(guard, silenceMs);
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

/** The server ends the session, and the locks of the transaction, when nothing comes for so long: a paused process. */
async function limitSilence(connection: Connection, silenceMs: number): Promise<void> {
  await connection.query({
    text: "SELECT set_config('idle_in_transaction_session_timeout', $1, true)",
    values: [String(silenceMs)],
  });
}

/** Gives signs of life until `signal` aborts. Rejects with the driver's error. */
async function keepAlive(guard: Connection, silenceMs: number, signal: AbortSignal): Promise<void> {
  const bell = new Doorbell();
  for (;;) {
    await bell.wait(silenceMs / 4, signal);
    if (signal.aborted) return;
    await guard.query({ text: "SELECT 1" });
  }
}

async function moveHorizon(connection: Connection, options: CompactionOptions): Promise<void> {
  const { history, horizon, replicaTimeoutMs, waitMs, signal } = options;
  const until = performance.now() + waitMs;
  for (;;) {
    signal.throwIfAborted();
    // One that is only starting reads the log again when it was compacted meanwhile, and may be one of a crash loop.
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
      throw new DuetError("LOG_UNAVAILABLE", `a live replica has not applied ${horizon} yet`);
    }
    await new Doorbell().wait(100, signal);
  }
}

async function dropEvents(connections: Connections, options: CompactionOptions): Promise<boolean> {
  const { horizon, signal } = options;
  for (let after = 0; after < horizon; ) {
    signal.throwIfAborted();
    const end = await connections.transact("BEGIN", async (connection) => {
      await limitSilence(connection, options.silenceMs);
      // Held until the slice is done: where two compact after all, none writes what the other has read.
      const { rowCount } = await connection.query({
        text: "SELECT FROM duetkv.log WHERE horizon = $1::bigint FOR UPDATE",
        values: [horizon],
      });
      return rowCount === 1 ? compactSlice(connection, after, options) : undefined;
    });
    if (end === undefined) return false;
    after = end;
  }
  return true;
}

/** Puts what is left of some pieces together into one. Resolves with where the next slice begins. */
async function compactSlice(
  connection: Connection,
  after: number,
  { horizon, isLive, limits }: CompactionOptions,
): Promise<number> {
  const { pieces } = await readPage(connection, after, horizon, limits);
  const last = pieces.at(-1)?.last;
  if (last === undefined) return horizon;
  let dropped = false;
  const kept = pieces.flatMap(decodePiece).flatMap((transaction) => {
    const live = retainLive(transaction, isLive);
    if (live !== transaction) dropped = true;
    return live ?? [];
  });
  if (dropped) {
    await connection.query({
      name: "duetkv-drop",
      text: "DELETE FROM duetkv.transactions WHERE last > $1::bigint AND last <= $2::bigint",
      values: [after, last],
    });
    if (kept.length > 0) {
      await connection.query({
        name: "duetkv-keep",
        text: "INSERT INTO duetkv.transactions (last, events) VALUES ($1::bigint, $2::bytea)",
        values: [last, encodePiece(kept)],
      });
    }
  }
  return last;
}

/** Every live replica has seen a later batch, and an append that was voided so long ago is not under way any more. */
async function dropBatches(connection: Connection, { horizon, signal }: CompactionOptions): Promise<void> {
  for (let rowCount: number | null = sliceRows; rowCount === sliceRows; ) {
    signal.throwIfAborted();
    ({ rowCount } = await connection.query({
      text: `DELETE FROM duetkv.batches WHERE id IN (
        SELECT id FROM duetkv.batches WHERE basis < $1::bigint AND last < $1::bigint ORDER BY basis LIMIT ${sliceRows})`,
      values: [horizon],
    }));
  }
  await connection.query({
    text: `DELETE FROM duetkv.batches WHERE basis IS NULL AND written < clock_timestamp() - interval '7 days'`,
  });
  await connection.query({
    text: "DELETE FROM duetkv.replicas WHERE seen < clock_timestamp() - interval '1 day'",
  });
}
