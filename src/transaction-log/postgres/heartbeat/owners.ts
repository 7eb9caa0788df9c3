import type { LogOwner } from "../../transaction-logger.ts";
import type { Connection } from "../connection/connection.ts";

/** A replica without a heartbeat for so long counts as gone, in milliseconds. */
const aliveMs = 10_000;

/** The replicas that have the log open, as of the last heartbeat of this one. */
export class Owners {
  readonly #ownId: string;
  #list: readonly LogOwner[] = [];
  onChange: () => void = () => {};

  constructor(ownId: string) {
    this.#ownId = ownId;
  }

  get list(): readonly LogOwner[] {
    return this.#list;
  }

  /** Rejects with the driver's error. */
  async refresh(connection: Connection): Promise<void> {
    const { rows } = await connection.query({
      name: "duetkv-owners",
      text: `SELECT id, applied, hash, address, (extract(epoch FROM seen) * 1000)::double precision AS seen
        FROM duetkv.replicas
        WHERE applied >= 0 AND seen > clock_timestamp() - $1 * interval '1 millisecond' ORDER BY id`,
      values: [aliveMs],
    });
    this.#list = rows.map((row) => ({
      id: row["id"] as string,
      self: row["id"] === this.#ownId,
      applied: Number(row["applied"]),
      hash: (row["hash"] as string | null) ?? undefined,
      seenTime: Math.round(row["seen"] as number),
      address: (row["address"] as string | null) ?? undefined,
    }));
    this.onChange();
  }
}
