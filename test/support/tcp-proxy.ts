import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

/** A network link that can break: a proxy of one port of 127.0.0.1. */
export interface TcpProxy {
  readonly port: number;
  /** Ends all connections and refuses new ones. */
  cut(): void;
  /** Nothing goes through any more in these directions, and neither side is told. New connections are accepted. */
  freeze(directions: "both" | "requests" | "responses"): void;
  /** Everything that was held goes through, and new connections, too. */
  restore(): void;
  close(): Promise<void>;
}

interface Link {
  readonly client: Socket;
  readonly server: Socket;
}

/** `alter` changes a part of what the server sends. */
export async function startTcpProxy(
  serverPort: number,
  alter: (chunk: Buffer) => Buffer = (chunk) => chunk,
): Promise<TcpProxy> {
  const links = new Set<Link>();
  let isCut = false;
  let held = { requests: false, responses: false };
  const hold = ({ client, server }: Link) => {
    // A socket that is not read makes its peer wait once the buffers of the kernel are full.
    if (held.requests) client.pause();
    else client.resume();
    if (held.responses) server.pause();
    else server.resume();
  };
  const listener = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const server = connect(serverPort, "127.0.0.1");
    const link = { client, server };
    links.add(link);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on("data", (chunk: Buffer) => to.write(from === server ? alter(chunk) : chunk));
      from.on("error", () => to.destroy());
      from.on("close", () => {
        links.delete(link);
        to.destroy();
      });
    }
    hold(link);
  }).listen(0, "127.0.0.1");
  await once(listener, "listening");

  const change = (next: typeof held) => {
    held = next;
    for (const link of links) hold(link);
  };
  const end = () => {
    for (const { client, server } of links) {
      client.destroy();
      server.destroy();
    }
  };
  return {
    port: (listener.address() as AddressInfo).port,
    cut() {
      isCut = true;
      end();
    },
    freeze(directions) {
      change({ requests: directions !== "responses", responses: directions !== "requests" });
    },
    restore() {
      isCut = false;
      change({ requests: false, responses: false });
    },
    async close() {
      end();
      listener.close();
      await once(listener, "close");
    },
  };
}
