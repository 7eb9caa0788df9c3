import { type Logger, silentLogger } from "../logging.ts";

/** Receives the events that a log reports on its own. */
export type LogSink = Pick<Logger, "info" | "warn" | "error">;

export const silentSink: LogSink = silentLogger;
