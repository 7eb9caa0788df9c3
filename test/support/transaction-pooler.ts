import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { splitMessages } from "./postgres-proxy.ts";

/** A pooler that gives its clients another session of the server for each transaction, as PgBouncer can. */
export interface TransactionPooler {
  readonly port: number;
  close(): Promise<void>;
}

/** The answers that begin a session: authentication is done, ready for a query. */
const welcome = Buffer.from("R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I", "latin1");

interface Session {
  readonly socket: Socket;
  client: Socket | undefined;
}

/** For clients with the same user and database. The server asks for no password. */
export async function startTransactionPooler(serverPort: number): Promise<TransactionPooler> {
  const sockets = new Set<Socket>();
  const idle: Session[] = [];
  const track = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => socket.destroy());
    socket.on("close", () => sockets.delete(socket));
  };

  async function openSession(startup: Buffer): Promise<Session> {
    const socket = connect(serverPort, "127.0.0.1");
    track(socket);
    const session: Session = { socket, client: undefined };
    const ready = Promise.withResolvers<void>();
    let isReady = false;
    splitMessages(socket, false, (message) => {
      const isEnd = message[0] === "Z".charCodeAt(0);
      if (!isReady) {
        isReady = isEnd;
        if (isEnd) ready.resolve();
        return;
      }
      session.client?.write(message);
      if (!isEnd || message[5] !== "I".charCodeAt(0)) return;
      session.client = undefined;
      idle.push(session);
    });
    socket.write(startup);
    await ready.promise;
    return session;
  }

  const server = createServer((client) => {
    track(client);
    let startup: Buffer | undefined;
    let session: Session | undefined;
    let turn = Promise.resolve();
    const forward = async (message: Buffer) => {
      if (session?.client !== client) {
        session = idle.pop() ?? (await openSession(startup as Buffer));
        session.client = client;
      }
      session.socket.write(message);
    };
    splitMessages(client, true, (message) => {
      if (startup === undefined) {
        startup = message;
        client.write(welcome);
      } else if (message[0] !== "X".charCodeAt(0)) {
        turn = turn.then(() => forward(message));
      }
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as { port: number }).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
