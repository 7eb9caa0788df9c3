import type { Socket } from "node:net";
import { Duplex } from "node:stream";

/** A socket without a network: what is pushed into it arrives in exactly these pieces, what is written is counted and dropped. */
export class MemorySocket extends Duplex {
  written = 0;

  constructor() {
    super({ emitClose: true, autoDestroy: true });
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written += chunk.length;
    done();
  }

  setNoDelay(): void {}

  get asSocket(): Socket {
    return this as unknown as Socket;
  }
}
