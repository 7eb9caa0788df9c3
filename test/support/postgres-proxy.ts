import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";

/** What happens to the messages of a connection that is cut: lost, or delivered to the server late. */
export type CutMode = "lost" | "late";

/** A proxy that knows where the messages of PostgreSQL's protocol begin and end, and can cut between any two. */
export interface PostgresProxy {
  readonly port: number;
  /** The statements whose name begins so, counted as they are sent to the server. */
  count(statementName: string): number;
  /**
   * Cuts the next connection that sends a statement with such a name: from the first message with the name on, `after`
   * messages in both directions go through and no more. With `refuse` no connection is taken any more from then on.
   */
  cutAt(statementName: string, after: number, mode: CutMode, more?: { readonly refuse: boolean }): void;
  /** Whether the cut has happened. */
  readonly wasCut: boolean;
  /** Resolves when late messages have been delivered and the server has dealt with them. */
  settled(): Promise<void>;
  /** Cuts all connections and refuses new ones. */
  refuse(): void;
  /** Nothing goes through in either direction, and nobody is told. */
  freeze(): void;
  /** Takes connections again and lets everything through; a cut that has not happened will not. */
  restore(): void;
  close(): Promise<void>;
}

const lateMs = 150;

export async function startPostgresProxy(serverPort: number): Promise<PostgresProxy> {
  const sockets = new Set<Socket>();
  const late: Promise<unknown>[] = [];
  const names = new Map<string, number>();
  let refusing = false;
  let thaw: { readonly promise: Promise<void>; readonly resolve: () => void } | undefined;
  let cut:
    | { readonly name: string; readonly after: number; readonly mode: CutMode; readonly refuse: boolean }
    | undefined;
  let wasCut = false;

  const server = createServer((client) => {
    if (refusing) {
      client.destroy();
      return;
    }
    const upstream = connect(serverPort, "127.0.0.1");
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    let passed: number | undefined;
    let held: Buffer[] | undefined;
    const pass = (message: Buffer, from: Socket, to: Socket) => {
      if (held) {
        if (from === client) held.push(message);
        return;
      }
      if (from === client) {
        for (const [, name] of message.toString("latin1").matchAll(/(duetkv-[a-z-]+)/g)) {
          if (message[0] === "B".charCodeAt(0))
            names.set(name as string, (names.get(name as string) ?? 0) + 1);
          if (cut && passed === undefined && name?.startsWith(cut.name)) passed = 0;
        }
      }
      if (cut && passed !== undefined && passed++ >= cut.after) {
        wasCut = true;
        refusing ||= cut.refuse;
        held = from === client ? [message] : [];
        late.push(deliverLate(client, upstream, held, cut.mode));
        cut = undefined;
        return;
      }
      to.write(message);
    };
    const frozen = async (work: () => void) => {
      if (thaw) await thaw.promise;
      work();
    };
    splitMessages(client, true, (message) => void frozen(() => pass(message, client, upstream)));
    splitMessages(upstream, false, (message) => void frozen(() => pass(message, upstream, client)));
    client.on("close", () => {
      if (!held) upstream.destroy();
    });
    upstream.on("close", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    port: (server.address() as { port: number }).port,
    count: (name) => names.get(name) ?? 0,
    cutAt(name, after, mode, { refuse } = { refuse: false }) {
      cut = { name, after, mode, refuse };
      wasCut = false;
    },
    get wasCut() {
      return wasCut;
    },
    async settled() {
      await Promise.all(late.splice(0));
    },
    refuse() {
      refusing = true;
      for (const socket of sockets) socket.destroy();
    },
    freeze() {
      thaw ??= Promise.withResolvers<void>();
    },
    restore() {
      cut = undefined;
      refusing = false;
      thaw?.resolve();
      thaw = undefined;
    },
    async close() {
      thaw?.resolve();
      thaw = undefined;
      await Promise.all(late.splice(0));
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function deliverLate(client: Socket, upstream: Socket, held: Buffer[], mode: CutMode): Promise<void> {
  // What was sent together arrives together.
  await delay(1);
  client.destroy();
  if (mode === "late") {
    await delay(lateMs);
    if (upstream.writable) upstream.write(Buffer.concat(held));
    await delay(lateMs);
  }
  upstream.destroy();
}

/** Calls back with each whole message. A client's first message has no type. */
export function splitMessages(
  socket: Socket,
  fromClient: boolean,
  onMessage: (message: Buffer) => void,
): void {
  let pending = Buffer.alloc(0);
  let typeBytes = fromClient ? 0 : 1;
  socket.on("data", (chunk) => {
    pending = Buffer.concat([pending, chunk]);
    while (pending.length >= typeBytes + 4) {
      const end = typeBytes + pending.readUInt32BE(typeBytes);
      if (pending.length < end) return;
      const message = pending.subarray(0, end);
      pending = pending.subarray(end);
      typeBytes = 1;
      onMessage(message);
    }
  });
}
