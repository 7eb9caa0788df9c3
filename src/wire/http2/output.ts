import type { Socket } from "node:net";
import type { ConnectionBudget } from "./byte-budget.ts";
import { frameFlags, frameHeaderBytes, frameTypes, writeFrameHeader } from "./frame-format.ts";
import { putBackWriteBuffer, takeWriteBuffer, type WriteBuffer, writeBufferBytes } from "./write-buffer.ts";

export interface OutputOptions {
  readonly socket: Socket;
  readonly budget: ConnectionBudget;
  readonly backlogBytesMax: number;
  /** The backlog was over its limit and is gone. */
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
  #buffer: WriteBuffer | undefined = undefined;
  #length = 0;
  #backlog = 0;
  #progress = 0;
  #isOver = false;

  constructor(options: OutputOptions) {
    this.#options = options;
  }

  /** False while the socket has too much waiting: no DATA is to be added then. */
  get hasRoom(): boolean {
    return this.#backlog < this.#options.backlogBytesMax;
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
    return (this.#buffer as WriteBuffer).bytes;
  }

  /** Makes room for `bytes` bytes, at most `writeBufferBytes`, in `this.bytes`. Returns where they go; `commit` says how many they were. */
  reserve(bytes: number): number {
    if (this.#length + bytes > writeBufferBytes) this.flush();
    if (this.#buffer === undefined) {
      this.#buffer = takeWriteBuffer();
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
    const { socket, budget } = this.#options;
    if (this.#length === 0 || this.#isOver || !socket.writable) {
      putBackWriteBuffer(buffer);
      return;
    }
    const bytes = buffer.bytes.subarray(0, this.#length);
    if (socket.writableLength === 0) {
      // As a rule the kernel takes it at once; until it has, the whole buffer is held.
      this.#backlog += writeBufferBytes;
      budget.force(writeBufferBytes);
      socket.write(bytes, () => {
        putBackWriteBuffer(buffer);
        this.#taken(writeBufferBytes);
      });
      return;
    }
    // The socket is slow: hold no more than there is to send.
    const copy = Buffer.from(bytes);
    putBackWriteBuffer(buffer);
    this.#backlog += copy.length;
    budget.force(copy.length);
    socket.write(copy, () => this.#taken(copy.length));
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

  #taken(bytes: number): void {
    const { budget, backlogBytesMax, onDrain } = this.#options;
    const wasFull = this.#backlog >= backlogBytesMax;
    this.#backlog -= bytes;
    this.#progress++;
    budget.give(bytes);
    if (wasFull && this.#backlog < backlogBytesMax) onDrain();
  }
}
