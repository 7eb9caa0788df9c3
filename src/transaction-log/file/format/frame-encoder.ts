import { TransactionEncoder } from "../../codec/transaction-encoder.ts";
import type { Transaction } from "../../transaction-logger.ts";
import {
  encodeFrameHeader,
  type FrameKind,
  frameChecksum,
  frameHeaderBytes,
  frameKinds,
  payloadBytesMax,
} from "./frame.ts";

/** Encodes transactions into a frame, one frame at a time. Its bytes are valid until the next `begin`. */
export class FrameEncoder {
  readonly #marker: number;
  readonly #transactions = new TransactionEncoder(frameHeaderBytes);
  readonly #kind: FrameKind;
  #basis = 0;
  #count = 0;
  #checksum = 0;

  constructor(marker: number, kind: typeof frameKinds.transactions | typeof frameKinds.snapshot) {
    this.#marker = marker;
    this.#kind = kind;
  }

  get count(): number {
    return this.#count;
  }

  get payloadBytes(): number {
    return this.#transactions.offset - frameHeaderBytes;
  }

  /** The checksum of the last finished frame. */
  get checksum(): number {
    return this.#checksum;
  }

  /** Begins a frame. `basis` is the sequence before the first transaction. */
  begin(basis: number): void {
    this.#transactions.begin(basis);
    this.#basis = basis;
    this.#count = 0;
  }

  add(transaction: Transaction): void {
    this.#transactions.encode(transaction);
    this.#count++;
  }

  /** Returns the bytes of the frame. Throws RangeError when the frame exceeds `payloadBytesMax`. */
  finish(previousChecksum: number): Buffer {
    const encoder = this.#transactions;
    const payloadBytes = this.payloadBytes;
    if (payloadBytes > payloadBytesMax)
      throw new RangeError(`the payload has ${payloadBytes} bytes; a frame has at most ${payloadBytesMax}`);
    encoder.reserve(4);
    const { buffer, offset } = encoder;
    const headerChecksum = encodeFrameHeader(buffer, this.#marker, {
      kind: this.#kind,
      payloadBytes,
      count: this.#count,
      firstSequence: this.#basis + 1,
      previousChecksum,
    });
    this.#checksum = frameChecksum(headerChecksum, buffer.subarray(frameHeaderBytes, offset));
    buffer.writeUInt32LE(this.#checksum, offset);
    return buffer.subarray(0, offset + 4);
  }
}
