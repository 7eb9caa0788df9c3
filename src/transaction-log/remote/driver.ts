/** A message of a log, at its position in the engine. */
export interface LogMessage {
  /** Positions only grow; 0 is before every message. */
  readonly position: number;
  readonly bytes: Buffer;
}

/** A part of the log, as one copy of it has it. */
export interface LogPage {
  /** Batches in the order of their positions. */
  readonly batches: readonly LogMessage[];
  /** The copy has no other batch from the position that was asked for up to this one. */
  readonly reached: number;
  /** The newest barrier, if it is in this part. */
  readonly barrier: LogMessage | undefined;
}

/** The head of the log, as one copy has it. */
export interface HeadPage {
  /** undefined: it has none. */
  readonly head: LogMessage | undefined;
  /** The newest barrier of the same copy: it says how new the head is. */
  readonly barrier: LogMessage | undefined;
}

/** The last heartbeat of a replica. */
export interface Beat extends LogMessage {
  readonly replica: string;
  /** By the clock of the engine, in milliseconds since 1970 UTC. */
  readonly time: number;
}

/**
 * Which copy of the log is read: `any` may be old or damaged, `leader` is the one that took the newest append, and a number
 * below `servers` is what that server shows: its own copy, or that of another one.
 */
export type Copy = "any" | "leader" | number;

/** How long a copy may lack what a majority has, in milliseconds. */
export const lagMs = 10_000;

/** Nothing was sent, so nothing can happen. */
export class NotSentError extends Error {}

/**
 * What a replicated engine must be able to do to hold a log. A method that rejects says nothing about what has happened,
 * unless it says otherwise: a message may be written later. Methods may be called at the same time.
 *
 * The log is a stream of messages of three kinds: batches, which are kept until they are trimmed, and the newest barrier
 * and the newest head. All have a position in the same order. Pieces of snapshots and heartbeats are elsewhere.
 */
export interface RemoteLogDriver {
  /** The largest message, in bytes. */
  readonly messageBytesMax: number;

  /** The number of servers that can be asked. */
  readonly servers: number;

  /** Why acknowledged writes might not last; undefined while they do. */
  readonly fault: Error | undefined;

  /** How often it has connected. After a new connection the log may have gone back in time. */
  readonly connections: number;

  /**
   * Writes a batch if the newest batch is at `after`, durably on a majority of the copies. Resolves with its position, or
   * with undefined when the engine says that another batch is the newest, which may be wrong.
   */
  tryAppend(after: number, bytes: Buffer): Promise<number | undefined>;

  /** The same for the head. */
  trySetHead(after: number, bytes: Buffer): Promise<number | undefined>;

  /** Reads the head from a copy, which may be old. */
  readHead(copy: Copy): Promise<HeadPage>;

  /**
   * Writes a barrier on a majority of the copies and resolves with its position. A copy that has it has everything that
   * was acknowledged before the call.
   */
  barrier(bytes: Buffer): Promise<number>;

  /** Reads from right after `after`: at least one message, if the copy has any, and a limited number of bytes. */
  read(after: number, copy: Copy): Promise<LogPage>;

  /** Drops the batches before `position`. */
  trim(position: number): Promise<void>;

  /** Writes the next piece of a snapshot. After an error a piece may be there twice. */
  putPiece(snapshot: string, bytes: Buffer): Promise<void>;

  /** Reads pieces of a snapshot, as `read`. */
  readPieces(snapshot: string, after: number, copy: Copy): Promise<readonly LogMessage[]>;

  /** The snapshots that have pieces. */
  snapshots(): Promise<readonly string[]>;

  dropSnapshot(snapshot: string): Promise<void>;

  /** Replaces the heartbeat of a replica. Resolves with its position. */
  beat(replica: string, bytes: Buffer): Promise<number>;

  /** The heartbeats of all replicas, of which some may be old or missing. */
  beats(): Promise<readonly Beat[]>;

  /** Removes the heartbeat of a replica. */
  leave(replica: string): Promise<void>;

  /** Tells the other processes that there is a batch at `position`. A hint: it may get lost. */
  ring(position: number): void;

  /** Set by the logger; called with the hints of other processes. */
  onRing: (position: number) => void;

  /**
   * Leaves the server that it is connected to for another one, if there is one: this one may be cut off from the others.
   * Does nothing while it is not connected.
   */
  moveOn(): void;

  /** The number of copies of the log. */
  countCopies(): Promise<number>;

  /** Names the copies of the log, for a message to an operator. */
  describeCopies(): Promise<string>;

  close(): Promise<void>;
}
