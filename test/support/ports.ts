import { randomInt } from "node:crypto";
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Linux gives those from 32768 on to outgoing connections, and to servers that listen on port 0. */
const ports = { first: 16_384, count: 16_384 };

/**
 * A port of 127.0.0.1 on which nothing listens. Nothing takes it before a server listens on it, nor while that server
 * restarts: the system gives it to nobody by itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = ports.first + randomInt(ports.count);
    const server = createServer().listen(port, "127.0.0.1");
    try {
      await once(server, "listening");
    } catch {
      // Taken.
      continue;
    }
    server.close();
    await once(server, "close");
    return port;
  }
}

/** Whether something listens on a port of 127.0.0.1. */
export async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
