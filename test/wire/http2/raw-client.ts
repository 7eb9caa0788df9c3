import { once } from "node:events";
import type { Socket } from "node:net";
import { frameFlags, frameTypes } from "../../../src/wire/http2/frame-format.ts";
import { opening, ping, type RawFrame, settingsAck } from "./raw-frames.ts";

/** A client that sends and withholds what it wants. It acknowledges the server's SETTINGS and PINGs unless told not to. */
export class RawClient {
  readonly socket: Socket;
  readonly frames: RawFrame[] = [];
  acknowledges = true;
  #rest = Buffer.alloc(0);
  #waiting: (() => void)[] = [];

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => this.#receive(chunk));
    socket.on("close", () => this.#wake());
  }

  /** A client that has sent preface and SETTINGS. */
  static open(socket: Socket, settings: Readonly<Record<number, number>> = {}): RawClient {
    const client = new RawClient(socket);
    client.send(opening(settings));
    return client;
  }

  send(...frames: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  get isClosed(): boolean {
    return this.socket.destroyed;
  }

  /** Sends, and resolves when the socket has taken everything: a flood that is not held in memory. */
  async sendAll(bytes: Uint8Array): Promise<void> {
    if (!this.isClosed && !this.socket.write(bytes)) {
      await Promise.race([once(this.socket, "drain"), once(this.socket, "close")]).catch(() => {});
    }
  }

  /** The first frame that fulfils the condition. Rejects when the connection is closed without one. */
  async frame(matches: (frame: RawFrame) => boolean): Promise<RawFrame> {
    for (;;) {
      const found = this.frames.find(matches);
      if (found !== undefined) return found;
      if (this.isClosed) throw new Error(`the connection was closed after ${this.describe()}`);
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
  }

  frameOf(type: number, streamId = 0): Promise<RawFrame> {
    return this.frame((frame) => frame.type === type && frame.streamId === streamId);
  }

  /** Resolves when a stream's response is complete. */
  response(streamId: number): Promise<RawFrame> {
    return this.frame(
      ({ type, flags, streamId: id }) =>
        id === streamId && type <= frameTypes.headers && (flags & frameFlags.endStream) !== 0,
    );
  }

  /** The error code with which the server ended the connection, once it is closed. */
  async goAwayCode(): Promise<number> {
    const { payload } = await this.frameOf(frameTypes.goAway);
    return payload.readUInt32BE(4);
  }

  async resetCode(streamId: number): Promise<number> {
    return (await this.frameOf(frameTypes.resetStream, streamId)).payload.readUInt32BE(0);
  }

  async whenClosed(): Promise<void> {
    while (!this.isClosed) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  bodyBytes(streamId: number): number {
    const parts = this.frames.filter(({ type, streamId: id }) => type === frameTypes.data && id === streamId);
    return parts.reduce((sum, { payload }) => sum + payload.length, 0);
  }

  describe(): string {
    return this.frames.map(({ type, streamId }) => `${type}/${streamId}`).join(" ");
  }

  #receive(chunk: Buffer): void {
    let bytes = Buffer.concat([this.#rest, chunk]);
    while (bytes.length >= 9 && bytes.length >= 9 + bytes.readUIntBE(0, 3)) {
      const end = 9 + bytes.readUIntBE(0, 3);
      const [type, flags] = [bytes[3] as number, bytes[4] as number];
      const frame = { type, flags, streamId: bytes.readUInt32BE(5), payload: bytes.subarray(9, end) };
      this.frames.push(frame);
      if (this.acknowledges) this.#acknowledge(frame);
      bytes = bytes.subarray(end);
    }
    this.#rest = bytes;
    this.#wake();
  }

  #acknowledge({ type, flags, payload }: RawFrame): void {
    if ((flags & frameFlags.ack) !== 0) return;
    if (type === frameTypes.settings) this.send(settingsAck);
    if (type === frameTypes.ping) this.send(ping(true, payload));
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }
}
