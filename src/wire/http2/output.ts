import type { Socket } from "node:net";
import type { ConnectionBudget } from "./byte-budget.ts";
import { frameFlags, frameHeaderBytes, frameTypes, writeFrameHeader } from "./frame-format.ts";
import { smallBufferBytes, smallBuffers, writeBufferBytes, writeBuffers } from "./write-buffer.ts";

export interface OutputOptions {
  readonly socket: Socket;
  readonly budget: ConnectionBudget;
  readonly backlogBytesMax: number;
  /** The socket may take more: there was no room, and there is again, or nothing waits any more. */
  readonly onDrain: () => void;
  /** Calls `flush` soon, after the promises of this turn. */
  readonly schedule: () => void;
}

/**
 * The bytes of a connection on their way to the socket. Frames are written straight into a pooled buffer, which goes to
 * the socket once a turn. A buffer is reused only after the callback of its write: until then it may still be read.
 */
export class Output {
  readonly #options: OutputOptions;
  #buffer: Buffer | undefined = undefined;
  #length = 0;
  #backlog = 0;
  #progress = 0;
  #isOver = false;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /**
   * False while the socket has too much waiting: no DATA is to be added then. When all connections hold too much, one that
   * waits for its socket at all has no room.
   */
  get hasRoom(): boolean {
    const { budget, backlogBytesMax } = this.#options;
    return this.#backlog === 0 || (this.#backlog < backlogBytesMax && budget.hasRoom);
  }

  /** Whether the socket has not taken everything yet. */
  get isWaiting(): boolean {
    return this.#backlog > 0;
  }

  /** Grows with each write that the socket has taken. */
  get progress(): number {
    return this.#progress;
  }

  /** The buffer that `reserve` has made room in. */
  get bytes(): Buffer {
    return this.#buffer as Buffer;
  }

  /**
   * Makes room for `bytes` bytes, at most `writeBufferBytes`, in `this.bytes`. Returns where they go; `commit` says
   * how many they were.
   */
  reserve(bytes: number): number {
    if (this.#length + bytes > writeBufferBytes) this.flush();
    if (this.#buffer === undefined) {
      this.#buffer = writeBuffers.take();
      this.#length = 0;
    }
    return this.#length;
  }

  /** Everything up to `end` is written. */
  commit(end: number): void {
    this.#length = end;
    this.#options.schedule();
  }

  flush(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    this.#buffer = undefined;
    const { socket } = this.#options;
    const length = this.#length;
    if (length === 0 || this.#isOver || !socket.writable) {
      writeBuffers.putBack(buffer);
    } else if (socket.writableLength > 0) {
      // The socket is slow: hold no more than there is to send.
      this.#write(Buffer.from(buffer.subarray(0, length)), length);
      writeBuffers.putBack(buffer);
    } else if (length <= smallBufferBytes) {
      const small = smallBuffers.take();
      buffer.copy(small, 0, 0, length);
      writeBuffers.putBack(buffer);
      this.#write(small.subarray(0, length), smallBufferBytes, () => smallBuffers.putBack(small));
    } else {
      this.#write(buffer.subarray(0, length), writeBufferBytes, () => writeBuffers.putBack(buffer));
    }
  }

  /** Sends what there is; what is written later is dropped. */
  close(): void {
    this.flush();
    this.#isOver = true;
  }

  windowUpdate(streamId: number, increment: number): void {
    this.#frameOfWord(frameTypes.windowUpdate, streamId, increment);
  }

  resetStream(streamId: number, code: number): void {
    this.#frameOfWord(frameTypes.resetStream, streamId, code);
  }

  settings(values: readonly (readonly [id: number, value: number])[]): void {
    const at = this.#frame(values.length * 6, frameTypes.settings, 0, 0);
    for (const [index, [id, value]] of values.entries()) {
      this.bytes.writeUInt16BE(id, at + index * 6);
      this.bytes.writeUInt32BE(value, at + index * 6 + 2);
    }
  }

  settingsAck(): void {
    this.#frame(0, frameTypes.settings, frameFlags.ack, 0);
  }

  /** `payload[start, start + 8)`. */
  ping(isAck: boolean, payload: Buffer, start: number): void {
    const at = this.#frame(8, frameTypes.ping, isAck ? frameFlags.ack : 0, 0);
    payload.copy(this.bytes, at, start, start + 8);
  }

  goAway(lastStreamId: number, code: number, debugData = ""): void {
    const at = this.#frame(8 + debugData.length, frameTypes.goAway, 0, 0);
    this.bytes.writeUInt32BE(lastStreamId, at);
    this.bytes.writeUInt32BE(code, at + 4);
    this.bytes.write(debugData, at + 8, "latin1");
  }

  #frameOfWord(type: number, streamId: number, word: number): void {
    const at = this.#frame(4, type, 0, streamId);
    this.bytes.writeUInt32BE(word, at);
  }

  /** Returns where the payload goes. */
  #frame(length: number, type: number, flags: number, streamId: number): number {
    const at = this.reserve(frameHeaderBytes + length);
    writeFrameHeader(this.bytes, at, length, type, flags, streamId);
    this.commit(at + frameHeaderBytes + length);
    return at + frameHeaderBytes;
  }

  /** `held` bytes of memory are held until the socket has taken `bytes`. */
  #write(bytes: Buffer, held: number, onTaken?: () => void): void {
    const { socket, budget } = this.#options;
    this.#backlog += held;
    budget.force(held);
    socket.write(bytes, () => {
      onTaken?.();
      this.#taken(held);
    });
  }

  #taken(bytes: number): void {
    const { budget, backlogBytesMax, onDrain } = this.#options;
    const wasFull = this.#backlog >= backlogBytesMax;
    this.#backlog -= bytes;
    this.#progress++;
    budget.give(bytes);
    if (this.#backlog === 0 || (wasFull && this.#backlog < backlogBytesMax)) onDrain();
  }
}
