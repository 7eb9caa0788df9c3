import { once } from "node:events";
import { connect, type Socket } from "node:net";

/** HTTP/2 frames by hand, for what no client library would send. */
export const preface = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameType = { data: 0, headers: 1, resetStream: 3, settings: 4, goAway: 7, windowUpdate: 8 };

export const flags = { endStream: 0x1, endHeaders: 0x4 };

export function frame(type: number, flag: number, streamId: number, payload: Uint8Array = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flag;
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

export const settings = frame(frameType.settings, 0, 0);

/** A 32-bit number, the payload of RST_STREAM and WINDOW_UPDATE. */
export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** A header block of literals that are not indexed, without Huffman coding. Names and values have at most 126 bytes. */
export function headerBlock(headers: Readonly<Record<string, string>>): Buffer {
  return Buffer.concat(
    Object.entries(headers).flatMap(([name, value]) => [
      Buffer.of(0, name.length),
      Buffer.from(name, "latin1"),
      Buffer.of(value.length),
      Buffer.from(value, "latin1"),
    ]),
  );
}

export async function connectTo(address: string): Promise<Socket> {
  const [host, port] = address.split(":");
  const socket = connect(Number(port), host);
  socket.on("error", () => {});
  await once(socket, "connect");
  return socket;
}
