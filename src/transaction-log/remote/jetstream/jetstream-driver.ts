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
import { pageAfter, readPage, readThroughLeader, type StoredMessage } from "./pages.ts";
import type { Names } from "./streams.ts";

/** How long a confirmation may take, in milliseconds. A new leader takes about as long. */
const responseMs = 5_000;

/** What the server says when the newest message is not the expected one, or when it cannot tell yet. */
const wrongSequence = new Set([10071, 10164]);

export interface JetStreamDriverOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly names: Names;
  readonly durability: Durability;
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
  #connected = true;
  connections = 1;
  /** A server that it has connected to cannot be used. */
  #mistake: DuetError | undefined;
  onRing: (position: number) => void = () => {};

  constructor({ connection, manager, names, durability, log }: JetStreamDriverOptions) {
    this.#connection = connection;
    this.#manager = manager;
    this.#client = jetstream(connection, { timeout: responseMs });
    this.#names = names;
    this.#durability = durability;
    connection.subscribe(names.bell, {
      callback: (error, message) => {
        const position = error ? Number.NaN : Number(message.string());
        if (Number.isSafeInteger(position)) this.onRing(position);
      },
    });
    void this.#watch(log);
  }

  get messageBytesMax(): number {
    return this.#connection.info?.max_payload ?? 0;
  }

  get fault(): Error | undefined {
    return this.#mistake ?? this.#durability.fault;
  }

  tryAppend(after: number, bytes: Buffer): Promise<number | undefined> {
    return this.#publishAfter(this.#names.batch, after, bytes);
  }

  trySetHead(after: number, bytes: Buffer): Promise<number | undefined> {
    return this.#publishAfter(this.#names.head, after, bytes, true);
  }

  async readHead(): Promise<HeadPage> {
    this.#assertConnected();
    const { stream, head, barrier } = this.#names;
    const messages = await readPage(this.#connection, stream, { multi_last: [head, barrier] });
    return {
      head: messages.find(({ subject }) => subject === head),
      barrier: messages.find(({ subject }) => subject === barrier),
    };
  }

  barrier(bytes: Buffer): Promise<number> {
    return this.#publish(this.#names.barrier, bytes, { headers: rollup() });
  }

  async read(after: number, copy: Copy): Promise<LogPage> {
    this.#assertConnected();
    const { stream, every } = this.#names;
    if (copy === "any") {
      return this.#toPage(after, await readPage(this.#connection, stream, pageAfter(after, every)));
    }
    const query = { seq: after + 1, next_by_subj: every };
    const message = await readThroughLeader(this.#connection, stream, query);
    return this.#toPage(after, message === undefined ? [] : [message]);
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

  async readPieces(snapshot: string, after: number): Promise<readonly LogMessage[]> {
    this.#assertConnected();
    const { snapshotStream, snapshot: subject } = this.#names;
    return readPage(this.#connection, snapshotStream, pageAfter(after, subject(snapshot)));
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

  async describeCopies(): Promise<string> {
    try {
      const { cluster } = await this.#manager.streams.info(this.#names.stream);
      const followers = (cluster?.replicas ?? []).map(({ name }) => name);
      return `${[cluster?.leader ?? "an unknown leader", ...followers].join(", ")} (the first one is the leader)`;
    } catch {
      return "servers that do not respond";
    }
  }

  async close(): Promise<void> {
    this.#connected = false;
    await this.#durability.close();
    await this.#connection.close();
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

  /** Follows the state of the connection until it is closed. */
  async #watch(log: LogSink): Promise<void> {
    for await (const status of this.#connection.status()) {
      if (status.type === "disconnect") {
        this.#connected = false;
        log.warn({ server: status.server }, "NATS server disconnected");
      } else if (status.type === "reconnect") {
        const mistake = serverMistake(this.#connection);
        this.#mistake = mistake === undefined ? undefined : new DuetError("LOG_UNAVAILABLE", mistake);
        this.#connected = true;
        this.connections++;
        log.info({ server: status.server }, "NATS server connected");
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
