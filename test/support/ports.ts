import { randomInt } from "node:crypto";
import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";

/** A port of 127.0.0.1 on which nothing listens. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** Linux gives those from 32768 on to outgoing connections. */
const lastingPorts = { first: 16_384, count: 16_384 };

/** The same, where a server can listen again after it has stopped: no connection takes the port meanwhile. */
export async function lastingPort(): Promise<number> {
  for (;;) {
    const port = lastingPorts.first + randomInt(lastingPorts.count);
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
