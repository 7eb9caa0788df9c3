import { once } from "node:events";
import { fstatSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout } from "node:timers/promises";
import { isatty } from "node:tty";
import pino, { type DestinationStream, type Logger as PinoLogger } from "pino";
import { formatForTerminal } from "./terminal-log.ts";

/** What is logged, and with which facts. Keys, values and credentials are never passed to it. */
export interface Logger {
  debug(fields: object, event: string): void;
  info(fields: object, event: string): void;
  warn(fields: object, event: string): void;
  error(fields: object, event: string): void;
}

export const silentLogger: Logger = { debug() {}, info() {}, warn() {}, error() {} };

export interface Log {
  readonly log: PinoLogger;
  /** Shows a line to a person at a terminal; does nothing elsewhere. */
  readonly hint: (text: string) => void;
  /** Resolves when all lines are written, or when the reader took too long. Nothing more can be logged. */
  readonly close: () => Promise<void>;
  /** Drops what still waits, so that the process can end at once. */
  readonly abandon: () => void;
}

interface Output extends DestinationStream {
  /** Resolves when all is written, which may be never. */
  readonly end: () => Promise<unknown>;
  readonly abandon: () => void;
}

/** What waits for a slow reader at the most. */
const waitingBytesMax = 1024 * 1024;

/** How long the end of the process waits for the reader. */
const closeMs = 1000;

/**
 * Structured logs on standard output, one JSON object a line; readable lines on a terminal. Levels: error, an operator
 * must act; warn, the service recovers by itself, but an operator should know; info, its life cycle; debug, what
 * clients do wrong. Keys, values and credentials are never logged.
 *
 * Writes never wait for the reader: if it stops reading, lines are dropped once a mebibyte waits.
 */
export function createLog(level: string): Log {
  const stat = fstatSync(1);
  const output = stat.isFIFO() || stat.isSocket() ? openPipe() : openFile();
  const terminal = isatty(1);
  const formatted = { write: (line: string) => output.write(formatForTerminal(line)) };
  return {
    log: pino({ level }, terminal ? formatted : output),
    hint(text) {
      if (terminal) output.write(`${text}\n`);
    },
    async close() {
      await Promise.race([output.end(), setTimeout(closeMs)]);
      output.abandon();
    },
    abandon: output.abandon,
  };
}

/** A full pipe blocks the thread that writes to it as to a file, and the process cannot end before that thread does. */
function openPipe(): Output {
  const socket = new Socket({ fd: 1, readable: false, writable: true });
  // Nobody reads any more: the service goes on without its log.
  socket.on("error", () => socket.destroy());
  return {
    write(line) {
      if (socket.writable && socket.writableLength < waitingBytesMax) socket.write(line);
    },
    end: () => new Promise<void>((resolve) => socket.end(resolve)),
    abandon: () => socket.destroy(),
  };
}

function openFile(): Output {
  const file = pino.destination({ dest: 1, sync: false, maxLength: waitingBytesMax });
  return {
    write: (line) => file.write(line),
    end() {
      const closed = once(file, "close");
      file.end();
      return closed;
    },
    abandon: () => file.destroy(),
  };
}
