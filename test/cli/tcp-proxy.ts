import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { onTestFinished } from "vitest";

export interface TcpProxy {
  /** HOST:PORT. */
  readonly address: string;
  /** Separates clients from the server: nothing passes any more on any connection, and none is closed. */
  partition(): void;
  /** New connections pass again; the old ones stay silent. */
  heal(): void;
}

/** Starts a TCP proxy in front of HOST:PORT, until the test is over. */
export async function startTcpProxy(upstream: string): Promise<TcpProxy> {
  const [host = "", port = ""] = upstream.split(":");
  const sockets = new Set<Socket>();
  let partitioned = false;
  const proxy = createServer((client) => {
    sockets.add(client.on("error", () => {}));
    client.once("close", () => sockets.delete(client));
    if (partitioned) return;
    const server = connect(Number(port), host).on("error", () => client.destroy());
    sockets.add(server);
    server.once("close", () => sockets.delete(server));
    client.pipe(server);
    server.pipe(client);
    client.once("close", () => server.destroy());
    server.once("close", () => client.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return {
    address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`,
    partition() {
      partitioned = true;
      for (const socket of sockets) socket.unpipe().pause();
    },
    heal() {
      partitioned = false;
    },
  };
}
