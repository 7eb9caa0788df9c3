import pino, { type Logger } from "pino";

export interface Log {
  readonly log: Logger;
  /** Writes what still waits. */
  readonly flush: () => void;
}

/**
 * Structured logs on standard output, a JSON object a line. Levels: error, somebody must look; warn, the service helps
 * itself but somebody should know; info, its life cycle; debug, everything that clients do wrong. No key, value or
 * credential is ever passed to it.
 *
 * Writes never wait for the reader: if it stops reading, lines are dropped once a mebibyte waits.
 */
export function createLog(level: string): Log {
  const destination = pino.destination({ dest: 1, sync: false, maxLength: 1024 * 1024 });
  return { log: pino({ level }, destination), flush: () => destination.flushSync() };
}
