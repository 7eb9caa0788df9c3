import { DuetError } from "../../duet-error.ts";
import type { Connection } from "./connection.ts";
import type { Connections } from "./connections.ts";
import { Doorbell } from "./doorbell.ts";
import { rowKinds } from "./event-rows.ts";
import { refreshHead } from "./head.ts";
import type { History } from "./history.ts";
import { lockSpace } from "./migrations.ts";

const compactionLock = 2;

/** How many rows are looked at, and deleted, in one short transaction. */
const sliceRows = 5_000;

export interface CompactionOptions {
  readonly connections: Connections;
  readonly history: History;
  readonly horizon: number;
  readonly isLive: (key: string, sequence: number) => boolean;
  /** A replica that was not heard of for so long is dead and holds nothing back. */
  readonly replicaTimeoutMs: number;
  /** How long to wait for live replicas that have not come to the horizon. */
  readonly waitMs: number;
  readonly signal: AbortSignal;
}

/**
 * Drops what is not needed to replay the state at `horizon`, once every live replica has passed it. First the horizon
 * is made known, so that who reads from before it is refused; then rows go, older ones first: at every step the rows of
 * a key that are left are its newest, and replaying them ends in the same state. Running twice does no harm, only the
 * same work; the lock is there to spare it. Resolves with false when another replica is at it.
 */
export async function compact(options: CompactionOptions): Promise<boolean> {
  const { connections, history } = options;
  return connections.transact("BEGIN", async (guard) => {
    const { rows } = await guard.query({
      text: `SELECT pg_try_advisory_xact_lock(${lockSpace}, ${compactionLock}) AS locked`,
    });
    if (rows[0]?.["locked"] !== true) return false;
    await connections.withConnection(async (connection) => {
      await moveHorizon(connection, options);
      await dropRows(connection, options);
      await dropBatches(connection, options);
      await refreshHead(connection, history);
    });
    return true;
  });
}

async function moveHorizon(connection: Connection, options: CompactionOptions): Promise<void> {
  const { history, horizon, replicaTimeoutMs, waitMs, signal } = options;
  const until = performance.now() + waitMs;
  for (;;) {
    if ((await refreshHead(connection, history)).horizon >= horizon) return;
    const { rowCount } = await connection.query({
      text: `UPDATE duetkv.log SET horizon = $1::bigint WHERE horizon < $1::bigint AND NOT EXISTS (
        SELECT FROM duetkv.replicas WHERE applied < $1::bigint
          AND seen > clock_timestamp() - $2::double precision * interval '1 millisecond')`,
      values: [horizon, replicaTimeoutMs],
    });
    if (rowCount === 1) return;
    if (performance.now() > until) {
      throw new DuetError("LOG_UNAVAILABLE", `a live replica has not applied ${horizon} yet`);
    }
    await new Doorbell().wait(100, signal);
    signal.throwIfAborted();
  }
}

async function dropRows(connection: Connection, options: CompactionOptions): Promise<void> {
  const { horizon, isLive, signal } = options;
  let after: readonly unknown[] = [0, 0];
  for (;;) {
    signal.throwIfAborted();
    const { rows } = await connection.queryArrays({
      name: "duetkv-slice",
      text: `SELECT sequence, position, kind, key FROM duetkv.transactions
        WHERE (sequence, position) > ($1::bigint, $2::integer) AND sequence <= $3::bigint
        ORDER BY sequence, position LIMIT ${sliceRows}`,
      values: [...after, horizon],
    });
    const dead = rows.filter(([sequence, , kind, key]) => isDelete(kind) || !isLive(key, Number(sequence)));
    if (dead.length > 0) {
      await connection.query({
        name: "duetkv-drop",
        text: `DELETE FROM duetkv.transactions AS row USING unnest($1::bigint[], $2::integer[]) AS dead (sequence, position)
          WHERE row.sequence = dead.sequence AND row.position = dead.position`,
        values: [dead.map(([sequence]) => sequence), dead.map(([, position]) => position)],
      });
    }
    const last = rows.at(-1);
    if (last === undefined || rows.length < sliceRows) return;
    after = [last[0], last[1]];
  }
}

function isDelete(kind: number): boolean {
  return kind === rowKinds.delete || kind === rowKinds.expired;
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
