import type { Connections } from "../connection/connections.ts";

/** A heartbeat updates a row in place, which succeeds on a full disk; an append needs space. */
export const probeSpaceBytes = 1024 * 1024;

/** No transaction has this sequence. */
const probeSequence = -1;

/**
 * Writes `bytes` bytes into the table of transactions and deletes them in the same transaction, so that no reader sees
 * them. Rejects with the driver's error.
 */
export async function probeSpace(connections: Connections, bytes: number): Promise<void> {
  await connections.transact("BEGIN", async (connection) => {
    await connection.query({
      text: "INSERT INTO duetkv.transactions (last, events) VALUES ($1::bigint, $2::bytea)",
      values: [probeSequence, Buffer.alloc(bytes)],
    });
    await connection.query({
      text: "DELETE FROM duetkv.transactions WHERE last = $1::bigint",
      values: [probeSequence],
    });
  });
}
