import type { Beat } from "./driver.ts";

/** `applied` of a replica until it has replayed the log. */
export const startingApplied = -1;

/** What a replica says of itself in a heartbeat, as JSON. */
interface BeatContent {
  readonly applied: number;
  /** The hash of the state at `applied`; undefined during the replay. */
  readonly hash: string | undefined;
  readonly compacting: boolean;
  /** Where it takes operations of the others, as HOST:PORT; undefined: it takes none. */
  readonly address: string | undefined;
}

export interface ReplicaState extends BeatContent {
  readonly id: string;
  /** Of the heartbeat, by the clock of the engine, in milliseconds since 1970 UTC. */
  readonly time: number;
  /** How long ago that was, in milliseconds. */
  readonly silentMs: number;
}

export function encodeBeat(content: BeatContent): Buffer {
  return Buffer.from(JSON.stringify(content));
}

/** `now` is the time of the engine. Fields that a later release adds are ignored. */
export function decodeBeat({ replica, bytes, time }: Beat, now: number): ReplicaState {
  const { applied, hash, compacting, address } = JSON.parse(bytes.toString());
  return { id: replica, applied, hash, compacting, address, time, silentMs: now - time };
}
