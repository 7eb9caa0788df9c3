import { type Logger, silentLogger } from "../logging.ts";

/** Where a log reports what it does on its own. */
export type LogSink = Pick<Logger, "info" | "warn" | "error">;

export const silentSink: LogSink = silentLogger;
