import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import { type Peer, toClientCertificate } from "../../security/peer.ts";

const peers = new WeakMap<Socket, Peer>();

/** Who is at the other end of a connection; read once, since it cannot change. */
export function peerOf(socket: Socket): Peer {
  let peer = peers.get(socket);
  if (peer === undefined) {
    const isVerified = socket instanceof TLSSocket && socket.authorized;
    peer = {
      // An IPv4 address in one of IPv6 stands for itself.
      address: (socket.remoteAddress ?? "").replace(/^::ffff:(?=\d+\.)/, ""),
      certificate: isVerified ? toClientCertificate(socket.getPeerCertificate()) : undefined,
    };
    peers.set(socket, peer);
  }
  return peer;
}
