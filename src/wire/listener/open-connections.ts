import type { Socket } from "node:net";

/** The connections of a port, and how many there may be. */
export class OpenConnections {
  readonly #max: number;
  readonly #perAddressMax: number;
  readonly #sockets = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();
  /** Of connections that are closed. */
  #received = 0;
  #sent = 0;

  constructor(max: number, perAddressMax: number) {
    this.#max = max;
    this.#perAddressMax = perAddressMax;
  }

  get size(): number {
    return this.#sockets.size;
  }

  /** Takes a connection until it closes. False when there are too many: the caller closes it. */
  add(socket: Socket): boolean {
    const address = socket.remoteAddress ?? "";
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#sockets.size >= this.#max || ofAddress >= this.#perAddressMax) return false;
    this.#sockets.add(socket);
    this.#byAddress.set(address, ofAddress + 1);
    socket.once("close", () => this.#remove(socket, address));
    return true;
  }

  /** Bytes of all connections since the start. */
  get bytes(): { readonly received: number; readonly sent: number } {
    let [received, sent] = [this.#received, this.#sent];
    for (const socket of this.#sockets) {
      received += socket.bytesRead;
      sent += socket.bytesWritten;
    }
    return { received, sent };
  }

  #remove(socket: Socket, address: string): void {
    this.#sockets.delete(socket);
    this.#received += socket.bytesRead;
    this.#sent += socket.bytesWritten;
    const left = (this.#byAddress.get(address) as number) - 1;
    if (left === 0) this.#byAddress.delete(address);
    else this.#byAddress.set(address, left);
  }

  /** Closes connections that have said nothing yet: they have no call to wait for. */
  destroySilent(): void {
    for (const socket of this.#sockets) if (socket.bytesRead === 0) socket.destroy();
  }

  destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
