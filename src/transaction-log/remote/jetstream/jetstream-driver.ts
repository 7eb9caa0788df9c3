import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  type JetStreamPublishOptions,
  jetstream,
} from "@nats-io/jetstream";
import { headers, type NatsConnection } from "@nats-io/transport-node";
import { DuetError } from "../../../errors.ts";
import type { LogSink } from "../../log-sink.ts";
import {
  type Beat,
  type Copy,
  type HeadPage,
  type LogMessage,
  type LogPage,
  NotSentError,
  type RemoteLogDriver,
} from "../driver.ts";
import { serverMistake } from "./connection.ts";
import type { Durability } from "./durability.ts";
import { type PageQuery, pageAfter, readPage, readThroughLeader, type StoredMessage } from "./pages.ts";
import { type Names, serversOf } from "./streams.ts";

/** How long a confirmation may take, in milliseconds. A new leader takes about as long. */
const responseMs = 5_000;

/** What the server says when the newest message is not the expected one, or when it cannot tell yet. */
const wrongSequence = new Set([10071, 10164]);

export interface JetStreamDriverOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: Names;
  readonly durability: Durability;
  /** The number of servers in the URL of the log. */
  readonly servers: number;
  /** Connects to one of them, and to no other. */
  readonly connectTo: (server: number) => Promise<NatsConnection>;
  readonly log: LogSink;
}

/**
 * A log in JetStream. A batch is a message whose condition is the position of the batch before, not that of the stream:
 * barriers move the stream. There are no message ids: repeating an append with its condition is exact, and the window in
 * which the server remembers ids is not.
 */
export class JetStreamDriver implements RemoteLogDriver {
  readonly #connection: NatsConnection;
  readonly #manager: JetStreamManager;
  readonly #client: JetStreamClient;
  readonly #names: Names;
  readonly #durability: Durability;
  readonly servers: number;
  readonly #log: LogSink;
  readonly #connectTo: (server: number) => Promise<NatsConnection>;
  #connected = true;
  #closing = false;
  /** The connection has ended, and is not made again. */
  #ended: DuetError | undefined;
  connections = 1;
  /** A server that it has connected to cannot be used. */
  #mistake: DuetError | undefined;
  onRing: (position: number) => void = () => {};

  constructor(options: JetStreamDriverOptions) {
    const { connection, manager, names, durability, servers, connectTo, log } = options;
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: responseMs });
    this.#names = names;
    this.#durability = durability;
    this.servers = servers;
    this.#connectTo = connectTo;
    this.#log = log;
    connection.subscribe(names.bell, {
      callback: (error, message) => {
        const position = error ? Number.NaN : Number(message.string());
        if (Number.isSafeInteger(position)) this.onRing(position);
      },
    });
    void this.#watch();
    void connection.closed().then((error) => this.#end(error));
  }

  get messageBytesMax(): number {
    return this.#connection.info?.max_payload ?? 0;
  }

  get fault(): Error | undefined {
    return this.#ended ?? this.#mistake ?? this.#durability.fault;
  }

  tryAppend(after: number, bytes: Buffer): Promise<number | undefined> {
    return this.#publishAfter(this.#names.batch, after, bytes);
  }

  trySetHead(after: number, bytes: Buffer): Promise<number | undefined> {
    return this.#publishAfter(this.#names.head, after, bytes, true);
  }

  async readHead(copy: Copy): Promise<HeadPage> {
    const { stream, head, barrier } = this.#names;
    if (copy === "leader") {
      this.#assertConnected();
      // In this order: a head that is read after a barrier is at least as new.
      const [newest] = await readThroughLeader(this.#connection, stream, { last_by_subj: barrier });
      const [found] = await readThroughLeader(this.#connection, stream, { last_by_subj: head });
      return { head: found, barrier: newest };
    }
    const messages = await this.#readPage(stream, { multi_last: [head, barrier] }, copy);
    return {
      head: messages.find(({ subject }) => subject === head),
      barrier: messages.find(({ subject }) => subject === barrier),
    };
  }

  barrier(bytes: Buffer): Promise<number> {
    return this.#publish(this.#names.barrier, bytes, { headers: rollup() });
  }

  async read(after: number, copy: Copy): Promise<LogPage> {
    const { stream, every } = this.#names;
    return this.#toPage(after, await this.#readCopy(stream, pageAfter(after, every), copy));
  }

  async trim(position: number): Promise<void> {
    this.#assertConnected();
    // To the server, 0 means all of them.
    if (position === 0) return;
    await this.#manager.streams.purge(this.#names.stream, { filter: this.#names.batch, seq: position });
  }

  async putPiece(snapshot: string, bytes: Buffer): Promise<void> {
    await this.#publish(this.#names.snapshot(snapshot), bytes);
  }

  async readPieces(snapshot: string, after: number, copy: Copy): Promise<readonly LogMessage[]> {
    const { snapshotStream, snapshot: subject } = this.#names;
    return this.#readCopy(snapshotStream, pageAfter(after, subject(snapshot)), copy);
  }

  async snapshots(): Promise<readonly string[]> {
    this.#assertConnected();
    const { snapshotStream, everySnapshot, snapshot } = this.#names;
    const info = await this.#manager.streams.info(snapshotStream, { subjects_filter: everySnapshot });
    return Object.keys(info.state.subjects ?? {}).map((subject) => subject.slice(snapshot("").length));
  }

  async dropSnapshot(snapshot: string): Promise<void> {
    this.#assertConnected();
    const filter = this.#names.snapshot(snapshot);
    await this.#manager.streams.purge(this.#names.snapshotStream, { filter });
  }

  beat(replica: string, bytes: Buffer): Promise<number> {
    return this.#publish(this.#names.replica(replica), bytes);
  }

  async beats(): Promise<readonly Beat[]> {
    this.#assertConnected();
    const { replicaStream, everyReplica, replica } = this.#names;
    const messages = await readPage(this.#connection, replicaStream, pageAfter(0, everyReplica));
    return messages.map(({ subject, position, bytes, time }) => ({
      replica: subject.slice(replica("").length),
      position,
      bytes,
      time,
    }));
  }

  async leave(replica: string): Promise<void> {
    this.#assertConnected();
    await this.#manager.streams.purge(this.#names.replicaStream, { filter: this.#names.replica(replica) });
  }

  ring(position: number): void {
    if (this.#connected) this.#connection.publish(this.#names.bell, String(position));
  }

  moveOn(): void {
    if (!this.#connected || this.servers === 1) return;
    this.#log.warn(
      { server: this.#connection.getServer() },
      "NATS server confirms nothing; trying another one",
    );
    // Rejects only when the connection has ended, which `#end` reports.
    this.#connection.reconnect().catch(() => {});
  }

  async countCopies(): Promise<number> {
    this.#assertConnected();
    // A server without a cluster names no copy.
    return (await serversOf(this.#manager, this.#names.stream)).length || 1;
  }

  async describeCopies(): Promise<string> {
    try {
      const servers = await serversOf(this.#manager, this.#names.stream);
      return `${servers.join(", ")} (the first one is the leader)`;
    } catch {
      return "servers that do not respond";
    }
  }

  async close(): Promise<void> {
    this.#closing = true;
    this.#connected = false;
    await this.#durability.close();
    await this.#connection.close();
  }

  /** NATS lets any server answer that has a copy, at random; only the leader is sure to read its own. */
  async #readCopy(stream: string, query: PageQuery, copy: Copy): Promise<readonly StoredMessage[]> {
    this.#assertConnected();
    if (copy === "leader") return readThroughLeader(this.#connection, stream, query);
    return this.#readPage(stream, query, copy);
  }

  async #readPage(
    stream: string,
    query: Parameters<typeof readPage>[2],
    copy: "any" | number,
  ): Promise<readonly StoredMessage[]> {
    this.#assertConnected();
    if (copy === "any") return readPage(this.#connection, stream, query);
    const connection = await this.#connectTo(copy);
    try {
      return await readPage(connection, stream, query);
    } finally {
      await connection.close();
    }
  }

  async #publishAfter(
    subject: string,
    after: number,
    bytes: Buffer,
    replaces = false,
  ): Promise<number | undefined> {
    try {
      const expect = { lastSubjectSequence: after };
      return await this.#publish(subject, bytes, { expect, ...(replaces && { headers: rollup() }) });
    } catch (error) {
      if (error instanceof JetStreamApiError && wrongSequence.has(error.code)) return undefined;
      throw error;
    }
  }

  async #publish(
    subject: string,
    bytes: Buffer,
    options: Partial<JetStreamPublishOptions> = {},
  ): Promise<number> {
    this.#assertConnected();
    return (await this.#client.publish(subject, bytes, options)).seq;
  }

  /** While it is not connected, the client would keep what is published, and send it much later. */
  #assertConnected(): void {
    if (!this.#connected) throw new NotSentError("not connected to a NATS server");
  }

  #toPage(after: number, messages: readonly StoredMessage[]): LogPage {
    const { batch, barrier } = this.#names;
    return {
      batches: messages.filter(({ subject }) => subject === batch),
      reached: messages.at(-1)?.position ?? after,
      barrier: messages.findLast(({ subject }) => subject === barrier),
    };
  }

  #end(error: unknown): void {
    this.#connected = false;
    if (this.#closing) return;
    const message = "the connection to NATS has ended for good; restart this replica";
    this.#ended = new DuetError("LOG_UNAVAILABLE", message, { cause: error });
    this.#log.error({ err: error }, "NATS connection ended; writes refused");
  }

  /** Follows the state of the connection until it is closed. */
  async #watch(): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === "disconnect") {
        this.#connected = false;
        this.#log.warn({ server: status.server }, "NATS server disconnected");
      } else if (status.type === "reconnect") {
        const mistake = serverMistake(this.#connection);
        this.#mistake = mistake === undefined ? undefined : new DuetError("LOG_UNAVAILABLE", mistake);
        this.#connected = true;
        this.connections++;
        this.#log.info({ server: status.server }, "NATS server connected");
      }
    }
  }
}

/** A message with it replaces those before it on its subject. */
function rollup() {
  const all = headers();
  all.set("Nats-Rollup", "sub");
  return all;
}
