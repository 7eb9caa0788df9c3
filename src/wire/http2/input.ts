import type { Socket } from "node:net";
import { FrameReader, type FrameSink, type ReaderTurn } from "./frame-reader.ts";
import type { Output } from "./output.ts";

/** Frames between two looks at the clock. */
const framesBetween = 32;

export interface InputOptions {
  readonly socket: Socket;
  readonly frames: FrameSink;
  readonly output: Output;
  /** How long one turn may take. */
  readonly turnMs: number;
  /** Called when a turn is over: what it has written is to be sent. */
  readonly onTurnEnd: () => void;
  /** Runs what the event loop calls. */
  readonly guard: (work: () => void) => void;
}

/**
 * The bytes of a connection on their way from the socket to its frames. Reads until there is no more, until its turn is
 * over, so that one connection with a thousand calls in a chunk does not hold up the others, or until the socket takes no
 * more output.
 */
export class Input implements ReaderTurn {
  readonly #options: InputOptions;
  readonly #reader: FrameReader;
  #waiting: Buffer[] = [];
  #isReading = false;
  #isTurnScheduled = false;
  #isOver = false;
  #framesLeft = 0;
  #turnStartedAt = 0;

  constructor(options: InputOptions) {
    this.#options = options;
    this.#reader = new FrameReader(options.frames, this);
  }

  /** What is written now goes out when the turn is over. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Whether bytes wait here for their turn or for the socket. */
  get isWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** See FrameReader. */
  get partialFrame(): number | undefined {
    return this.#reader.partialFrame;
  }

  /** See ReaderTurn. */
  isOverAfterFrame(): boolean {
    if (this.#isOver) return true;
    if (--this.#framesLeft > 0) return false;
    this.#framesLeft = framesBetween;
    return performance.now() - this.#turnStartedAt >= this.#options.turnMs;
  }

  /** Counts work beyond that of an ordinary frame. */
  spend(frames: number): void {
    this.#framesLeft -= frames;
  }

  receive(chunk: Buffer): void {
    if (!this.#isOver && this.#waiting.push(chunk) === 1) this.#read();
  }

  /** The socket takes output again. */
  resume(): void {
    if (this.#waiting.length > 0) this.#scheduleTurn();
  }

  /** Drops what waits and what comes. */
  close(): void {
    this.#isOver = true;
    this.#waiting = [];
  }

  #read(): void {
    const { socket, output, onTurnEnd } = this.#options;
    this.#framesLeft = framesBetween;
    this.#turnStartedAt = performance.now();
    this.#isReading = true;
    try {
      while (output.hasRoom) {
        const chunk = this.#waiting[0];
        if (chunk === undefined) break;
        const end = this.#reader.read(chunk, 0);
        if (this.#isOver) break;
        if (end < chunk.length) {
          this.#waiting[0] = chunk.subarray(end);
          break;
        }
        this.#waiting.shift();
      }
    } finally {
      this.#isReading = false;
    }
    onTurnEnd();
    if (this.#waiting.length === 0) {
      if (socket.isPaused()) socket.resume();
      return;
    }
    socket.pause();
    // Without room, it goes on once the socket has taken what waits.
    if (output.hasRoom) this.#scheduleTurn();
  }

  #scheduleTurn(): void {
    if (this.#isTurnScheduled) return;
    this.#isTurnScheduled = true;
    setImmediate(() => {
      this.#isTurnScheduled = false;
      this.#options.guard(() => this.#read());
    });
  }
}
