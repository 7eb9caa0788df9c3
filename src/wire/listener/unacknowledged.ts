import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

// Columns of /proc/net/tcp and /proc/net/tcp6 (Documentation/networking/proc_net_tcp.rst of Linux).
const localAddress = 1;
const remoteAddress = 2;
const retransmits = 6;

/**
 * Those of the sockets whose kernel is sending the same bytes again because the peer does not acknowledge them. Node has no
 * TCP_USER_TIMEOUT, and keep-alive probes are not sent while bytes wait: without a look at the kernel's table, a peer that
 * has vanished from a stream of events costs its memory for a quarter of an hour. None where there is no such table: it is
 * one of Linux.
 */
export async function findUnacknowledged(sockets: readonly Socket[]): Promise<Socket[]> {
  const tables = await Promise.all(["/proc/self/net/tcp", "/proc/self/net/tcp6"].map(readTable));
  const unacknowledged = new Set(tables.flatMap(findRetransmitting));
  if (unacknowledged.size === 0) return [];
  return sockets.filter(({ localPort, remoteAddress: address, remotePort }) => {
    return address !== undefined && unacknowledged.has(`${localPort} ${canonical(address)} ${remotePort}`);
  });
}

/** Local port, remote address and remote port of each connection of the table that has retransmitted. */
export function findRetransmitting(table: string): string[] {
  const found: string[] = [];
  for (const line of table.split("\n").slice(1)) {
    const columns = line.trim().split(/\s+/, retransmits + 1);
    if (columns.length <= retransmits || Number(`0x${columns[retransmits]}`) === 0) continue;
    const [, localPort = ""] = (columns[localAddress] as string).split(":");
    const [address = "", port = ""] = (columns[remoteAddress] as string).split(":");
    found.push(`${Number.parseInt(localPort, 16)} ${fromHex(address)} ${Number.parseInt(port, 16)}`);
  }
  return found;
}

async function readTable(path: string): Promise<string> {
  try {
    return await readFile(path, "latin1");
  } catch {
    // Not Linux, or no IPv6.
    return "";
  }
}

/** An address as the table has it: words of 32 bits, each in the byte order of the machine (little-endian for us). */
function fromHex(address: string): string {
  const bytes = Buffer.from(address, "hex").swap32();
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, group) => bytes.readUInt16BE(group * 2).toString(16));
  return canonical(groups.join(":"));
}

/** One way to write an address of IPv6; an IPv4 address in it stands for itself. */
function canonical(address: string): string {
  const [plain = ""] = address.split("%");
  if (!plain.includes(":")) return plain;
  const host = new URL(`http://[${plain}]/`).hostname.slice(1, -1);
  const mapped = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(host);
  if (mapped === null) return host;
  const [high, low] = [Number.parseInt(mapped[1] as string, 16), Number.parseInt(mapped[2] as string, 16)];
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join(".");
}
