import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { onTestFinished } from "vitest";

export interface BreakingServer {
  /** HOST:PORT */
  readonly address: string;
  /** How many requests it has received. */
  readonly requests: number;
}

/** A server of HTTP/1.1 and HTTP/2 that receives the headers of a request, and then closes the connection. */
export async function startBreakingServer(): Promise<BreakingServer> {
  let requests = 0;
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    let received = Buffer.alloc(0);
    socket.on("data", (data: Buffer) => {
      // HAProxy waits for it with its requests.
      if (received.length === 0 && data.includes("PRI ")) socket.write(emptySettings);
      received = Buffer.concat([received, data]);
      if (!hasHeaders(received)) return;
      requests++;
      socket.removeAllListeners("data").destroy();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return {
    address: `127.0.0.1:${port}`,
    get requests() {
      return requests;
    },
  };
}

const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const frameHeaderLength = 9;
const headersFrame = 1;
const emptySettings = Buffer.of(0, 0, 0, 4, 0, 0, 0, 0, 0);

function hasHeaders(received: Buffer): boolean {
  if (received.length < preface.length) return false;
  if (!received.subarray(0, preface.length).equals(Buffer.from(preface)))
    return received.includes("\r\n\r\n");
  for (let at = preface.length; at + frameHeaderLength <= received.length; ) {
    if (received[at + 3] === headersFrame) return true;
    at += frameHeaderLength + received.readUIntBE(at, 3);
  }
  return false;
}
