import { once } from "node:events";
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { isatty } from "node:tty";
import pino, { type DestinationStream, type Logger as PinoLogger } from "pino";
import { formatForTerminal } from "./terminal-log.ts";

/** Writes log lines: an event and its facts. Keys, values and credentials are never passed to it. */
export interface Logger {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface Log {
  readonly log: PinoLogger;
  /** Writes a line if standard output is a terminal; does nothing otherwise. */
  readonly hint: (text: string) => void;
  /** Writes a line, which ends with a line feed, where the log goes. Returns false when it was dropped. */
  readonly writeLine: (line: string) => boolean;
  /** Resolves when all lines are written, or after `closeMs`. Nothing can be logged afterwards. */
  readonly close: () => Promise<void>;
  /** Drops the lines that are not yet written, so that the process can end at once. */
  readonly abandon: () => void;
}

interface Output {
  /** Returns false when the line was dropped. */
  readonly write: (line: string) => boolean;
  /** Writes the lines that were gathered, without waiting for the reader. */
  readonly flush: () => void;
  /** Resolves when all lines are written, which may be never. */
  readonly end: () => Promise<unknown>;
  readonly abandon: () => void;
}

/** Writes the lines of pino. Warnings and errors go out at once: the process may not live to the end of the turn. */
class Destination implements DestinationStream {
  /** Asks pino to set `lastLevel` before each line. */
  readonly [pino.symbols.needsMetadataGsym] = true;
  lastLevel = 0;
  readonly #output: Output;
  readonly #format: (line: string) => string;

  constructor(output: Output, isTerminal: boolean) {
    this.#output = output;
    this.#format = isTerminal ? formatForTerminal : (line) => line;
  }

  write(line: string): void {
    this.#output.write(this.#format(line));
    if (this.lastLevel >= warnLevel) this.#output.flush();
  }
}

const warnLevel = pino.levels.values["warn"] as number;

/** The most bytes that wait for a slow reader; further lines are dropped. */
const waitingBytesMax = 1024 * 1024;

/** How long the end of the process waits for a slow reader, in milliseconds. */
const closeMs = 1000;

/**
 * Opens the log on standard output: one JSON object a line, or readable lines on a terminal.
 *
 * Levels: `error`, an operator must act; `warn`, the service recovers by itself, but an operator should know; `info`,
 * its life cycle; `debug`, errors of clients.
 *
 * Logging never blocks: when the reader stops reading, up to 1 MiB is kept and further lines are dropped.
 */
export function createLog(level: string): Log {
  const stat = fstatSync(1);
  const output = stat.isFIFO() || stat.isSocket() ? openPipe() : openFile();
  const terminal = isatty(1);
  return {
    log: pino({ level }, new Destination(output, terminal)),
    hint(text) {
      if (terminal) output.write(`${text}\n`);
    },
    writeLine: (line) => output.write(line),
    async close() {
      await Promise.race([output.end(), setTimeout(closeMs)]);
      output.abandon();
    },
    abandon: output.abandon,
  };
}

/**
 * Writes to a pipe as to a socket. A write to a full pipe as to a file blocks a thread, and the process cannot end
 * before that thread does.
 *
 * Lines of one turn of the event loop are written together: a write of each would cost more than the call that it logs.
 */
function openPipe(): Output {
  const socket = new Socket({ fd: 1, readable: false, writable: true });
  // The reader has closed the pipe. The service continues without a log.
  socket.on("error", () => socket.destroy());
  let waiting = "";
  function flush(): void {
    if (waiting !== "" && socket.writable) socket.write(waiting);
    waiting = "";
  }
  process.on("exit", flush);
  return {
    write(line) {
      if (!socket.writable || socket.writableLength + waiting.length >= waitingBytesMax) return false;
      if (waiting === "") setImmediate(flush);
      waiting += line;
      return true;
    },
    flush,
    end() {
      flush();
      return new Promise<void>((resolve) => socket.end(resolve));
    },
    abandon() {
      waiting = "";
      socket.destroy();
    },
  };
}

function openFile(): Output {
  const file = pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax });
  let isTaken = true;
  file.on("drop", () => {
    isTaken = false;
  });
  return {
    write(line) {
      isTaken = true;
      file.write(line);
      return isTaken;
    },
    // The file is written by a thread, which begins at once.
    flush() {},
    end() {
      const closed = once(file, "close");
      file.end();
      return closed;
    },
    abandon: () => file.destroy(),
  };
}
