import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { onTestFinished } from "vitest";

/**
 * What happens to a connection after so many bytes in both directions. `cut`: they are lost with all that follow. `late`:
 * the client is cut off, and the server gets what the client has sent `delayMs` later.
 */
interface ConnectionFault {
  readonly kind: "cut" | "late";
  readonly afterBytes: number;
  readonly delayMs: number;
}

export interface TcpProxy {
  readonly url: string;
  /** Decides for each new connection. Default: nothing happens to it. */
  decide: () => ConnectionFault | undefined;
  /** Holds all bytes from now on, in both directions. */
  hold(): void;
  /** Delivers what was held, and holds nothing more. */
  release(): void;
  /** Resolves when a client has sent something that is held. */
  received(): Promise<void>;
  cutAll(): void;
  /** Cuts all connections and refuses new ones. */
  close(): void;
}

/** Starts a proxy in front of HOST:PORT that knows nothing of what it carries, until the test is over. */
export async function startTcpProxy(upstream: string): Promise<TcpProxy> {
  const [host, port] = upstream.split(":") as [string, string];
  const sockets = new Set<Socket>();
  let release: PromiseWithResolvers<void> | undefined;
  const received = Promise.withResolvers<void>();

  const server = createServer((client) => {
    const origin = connect(Number(port), host);
    for (const socket of [client, origin]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on("error", () => socket.destroy());
      socket.on("close", () => sockets.delete(socket));
    }
    const fault = proxy.decide();
    let passedBytes = 0;
    let isCut = false;
    const cut = async (from: Socket, chunk: Buffer, { kind, delayMs }: ConnectionFault) => {
      isCut = true;
      client.destroy();
      if (kind === "late") {
        await delay(delayMs);
        if (from === client) origin.write(chunk);
        // Time for the server to act on it.
        await delay(delayMs);
      }
      origin.destroy();
    };
    const pass = async (from: Socket, to: Socket, chunk: Buffer) => {
      if (release !== undefined) {
        if (from === client) received.resolve();
        await release.promise;
      }
      if (isCut) return;
      passedBytes += chunk.length;
      if (fault !== undefined && passedBytes > fault.afterBytes) await cut(from, chunk, fault);
      else if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    };
    client.on("data", (chunk: Buffer) => void pass(client, origin, chunk));
    origin.on("data", (chunk: Buffer) => void pass(origin, client, chunk));
    client.on("close", () => {
      if (!isCut) origin.destroy();
    });
    origin.on("close", () => client.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: TcpProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    decide: () => undefined,
    hold() {
      release ??= Promise.withResolvers();
    },
    release() {
      release?.resolve();
      release = undefined;
    },
    received: () => received.promise,
    cutAll() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      server.close();
      proxy.cutAll();
    },
  };
  onTestFinished(() => proxy.close());
  return proxy;
}
