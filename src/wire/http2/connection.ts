import type { Socket } from "node:net";
import { type ByteBudget, ConnectionBudget } from "./byte-budget.ts";
import type { Clock } from "./clock.ts";
import { ConnectionError, errorCodes } from "./connection-error.ts";
import { type ConnectionState, ConnectionTimes } from "./connection-times.ts";
import { ControlFrames } from "./control-frames.ts";
import type { EndReason } from "./end-reasons.ts";
import { FloodLimit } from "./flood-limit.ts";
import { HandlerCalls } from "./handler-calls.ts";
import { HeaderBlockReader } from "./header-block-reader.ts";
import { HeaderBlockWriter } from "./header-block-writer.ts";
import { IncomingFrames } from "./incoming-frames.ts";
import { Input } from "./input.ts";
import type { Http2Limits } from "./limits.ts";
import { Output } from "./output.ts";
import { PeerSettings, settingIds } from "./peer-settings.ts";
import { RequestReceiver } from "./request-receiver.ts";
import { ResponseSender } from "./response-sender.ts";
import { scheduleFlush } from "./scheduled-flush.ts";
import { Shutdown } from "./shutdown.ts";
import type { Stream } from "./stream.ts";
import { StreamSet } from "./stream-set.ts";

export interface ConnectionOptions {
  readonly limits: Http2Limits;
  readonly budget: ByteBudget;
  readonly clock: Clock;
  readonly varyingHeader: string | undefined;
  readonly onStream: (stream: Stream) => void;
  readonly onEnd: (reason: EndReason) => void;
  readonly onError: (error: unknown) => void;
}

const keepAlivePayload = Buffer.alloc(8);

/** One HTTP/2 connection on a socket (RFC 9113, sections 3 to 5): puts its parts together, and ends. */
export class Connection {
  readonly socket: Socket;
  readonly budget: ConnectionBudget;
  readonly streams: StreamSet;
  readonly receiver: RequestReceiver;
  readonly sender: ResponseSender;
  readonly settings: PeerSettings;

  readonly #options: ConnectionOptions;
  readonly #output: Output;
  readonly #input: Input;
  readonly #headerBlocks: HeaderBlockReader;
  readonly #controlFrames: ControlFrames;
  readonly #shutdown: Shutdown;
  readonly #times: ConnectionTimes;
  #isFlushScheduled = false;
  #isOver = false;

  constructor(socket: Socket, options: ConnectionOptions) {
    const { limits, clock, varyingHeader, onEnd } = options;
    this.socket = socket;
    this.#options = options;
    this.#times = new ConnectionTimes(limits, clock.now);
    const budget = new ConnectionBudget(options.budget, limits.connectionBytesMax);
    this.budget = budget;
    const floods = new FloodLimit(limits.floodBurst, limits.floodPerSecond);
    const calls = new HandlerCalls(options.onStream, (stream, error) => this.#handlerThrew(stream, error));
    const output = new Output({
      socket,
      budget,
      backlogBytesMax: limits.writeBacklogBytesMax,
      onDrain: () =>
        this.#guard(() => {
          this.sender.socketDrained();
          this.#input.resume();
        }),
      schedule: () => this.scheduleFlush(),
    });
    const onClosed = (stream: Stream) => this.#streamClosed(stream);
    const streams = new StreamSet({ output, budget, floods, calls, onEnd, onClosed });
    const headerBlocks = new HeaderBlockWriter(output);
    const parts = { connection: this, streams, output, budget, floods, calls, limits, clock };
    const receiver = new RequestReceiver({ ...parts, varyingHeader });
    const sender = new ResponseSender({ ...parts, headerBlocks });
    const settings = new PeerSettings(headerBlocks.encoder, (change) => {
      this.#input.spend(streams.size);
      sender.changeInitialWindow(change);
    });
    const shutdown = new Shutdown(streams, output);
    const controlFrames = new ControlFrames({ streams, sender, settings, output, floods, shutdown });
    const incomingBlocks = new HeaderBlockReader(limits, receiver);
    this.#output = output;
    this.#input = new Input({
      socket,
      frames: new IncomingFrames({ settings, headerBlocks: incomingBlocks, receiver, controlFrames }),
      output,
      turnMs: limits.turnMs,
      onTurnEnd: () => this.flush(),
      guard: (work) => this.#guard(work),
    });
    this.streams = streams;
    this.receiver = receiver;
    this.sender = sender;
    this.settings = settings;
    this.#shutdown = shutdown;
    this.#headerBlocks = incomingBlocks;
    this.#controlFrames = controlFrames;
  }

  /** Starts reading. `head` was read from the socket before. */
  begin(head?: Buffer): void {
    const { socket } = this;
    const { streamsMax, streamWindowBytes, headerListBytesMax } = this.#options.limits;
    socket.on("data", (chunk: Buffer) => this.#guard(() => this.#receive(chunk)));
    socket.on("end", () => this.#guard(() => this.#close("disconnected")));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => this.#guard(() => this.#close("disconnected")));
    this.#output.settings([
      [settingIds.maxConcurrentStreams, streamsMax],
      [settingIds.initialWindowSize, streamWindowBytes],
      [settingIds.maxHeaderListSize, headerListBytesMax],
    ]);
    this.receiver.begin();
    if (head !== undefined && head.length > 0) this.#guard(() => this.#receive(head));
    this.flush();
  }

  /**
   * Takes no more streams, lets open ones finish for up to `graceMs`, and closes the connection. Streams that the client
   * opens before it knows are served.
   */
  drain(graceMs: number): void {
    this.#guard(() => {
      if (this.#isOver) return;
      const { now } = this.#options.clock;
      this.#times.closeBy(now + graceMs);
      this.#shutdown.begin(now);
    });
  }

  /** Closes the connection and its streams at once. */
  destroy(reason: EndReason): void {
    this.#guard(() => this.#close(reason));
    this.socket.destroy();
  }

  /** Looks at the times of the connection and its streams. */
  sweep(now: number): void {
    this.#guard(() => {
      if (!this.#isOver) this.#sweep(now);
      else if (this.#times.expired(this.#state(), now) !== undefined) this.socket.destroy();
    });
  }

  /** Counts something that ended early. */
  count(reason: EndReason): void {
    this.#options.onEnd(reason);
  }

  /** What is written while input is read goes out at its end, the rest after the promises of the turn. */
  scheduleFlush(): void {
    if (this.#input.isReading || this.#isFlushScheduled) return;
    this.#isFlushScheduled = true;
    scheduleFlush(this);
  }

  flush(): void {
    this.#isFlushScheduled = false;
    this.#guard(() => {
      this.#output.flush();
      if (!this.#isOver && this.#shutdown.isComplete) this.#close(undefined);
    });
  }

  #receive(chunk: Buffer): void {
    this.#times.keepAlive.heard();
    this.#input.receive(chunk);
  }

  #streamClosed(stream: Stream): void {
    this.receiver.closed(stream);
    this.sender.closed(stream);
    if (this.#shutdown.isComplete) this.scheduleFlush();
  }

  #handlerThrew(stream: Stream, error: unknown): void {
    this.#options.onError(error);
    this.streams.reset(stream, errorCodes.internalError, "handler_error");
  }

  #sweep(now: number): void {
    const state = this.#state();
    const reason = this.#times.expired(state, now);
    if (reason !== undefined) {
      this.#fail(new ConnectionError(reason, reason.replaceAll("_", " ")));
      return;
    }
    if (this.receiver.unfinished > 0 || this.sender.waiting.size > 0) {
      for (const stream of this.streams.all()) {
        const streamReason = this.#times.expiredStream(stream, this.receiver.hasWindow, now);
        if (streamReason !== undefined) this.streams.reset(stream, errorCodes.cancel, streamReason);
      }
    }
    // While input waits, the peer's signs of life wait too.
    const due = this.#input.isWaiting ? undefined : this.#times.keepAlive.sweep(now);
    if (due === "dead") {
      this.destroy("ping_timeout");
      return;
    }
    if (due === "ping") this.#output.ping(false, keepAlivePayload, 0);
    if (this.#shutdown.hasBegun) {
      this.#shutdown.sweep(now);
      if (this.#times.mustEndStreams(now)) this.streams.endAll();
    } else {
      const drainReason = this.#times.drainReason(state, now);
      if (drainReason !== undefined) {
        this.count(drainReason);
        const { ageGraceMs, endingMs } = this.#options.limits;
        this.#times.endStreamsBy(now + ageGraceMs);
        this.drain(ageGraceMs + endingMs);
      }
    }
    this.flush();
  }

  #state(): ConnectionState {
    return {
      settingsReceived: this.settings.received,
      settingsAcknowledged: this.#controlFrames.settingsAcknowledged,
      partialFrame: this.#input.partialFrame,
      partialBlock: this.#headerBlocks.partialBlock,
      writeProgress: this.#output.isWaiting ? this.#output.progress : undefined,
      openStreams: this.streams.size,
      lastStreamId: this.streams.lastId,
    };
  }

  /** The one catcher of everything that the network, a timer or a handler's promise reaches. */
  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      if (error instanceof ConnectionError) {
        this.#fail(error);
      } else {
        this.#options.onError(error);
        this.#fail(new ConnectionError("internal_error", "internal error"));
      }
    }
  }

  #fail({ code, message, reason }: ConnectionError): void {
    if (this.#isOver) return;
    this.#output.goAway(this.streams.lastId, code, message);
    this.#close(reason);
  }

  /** Sends what is written, ends the socket and aborts what is open. `reason` is counted for the connection, if there is one. */
  #close(reason: EndReason | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#input.close();
    this.#output.close();
    const { socket } = this;
    if (!socket.destroyed) {
      const destroySoon = (): void =>
        void setTimeout(() => socket.destroy(), this.#options.limits.closeMs).unref();
      // A client that did nothing wrong may take its time for what it has not read yet.
      socket.end(reason === undefined ? destroySoon : undefined);
      if (reason !== undefined) destroySoon();
      // Bytes that still come must be read: with some unread, the kernel would take back what we have sent.
      socket.resume();
    }
    if (reason !== undefined && reason !== "disconnected") this.count(reason);
    this.streams.abortAll(reason ?? "disconnected");
  }
}
