/** Where the log reports what it did on its own; a pino logger fits. */
export interface LogSink {
  info(details: object, message: string): void;
  warn(details: object, message: string): void;
  error(details: object, message: string): void;
}

export const silentSink: LogSink = { info() {}, warn() {}, error() {} };
