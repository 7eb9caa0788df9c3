/** What the wire needs of a logger; pino's fits. Keys, values and credentials are never passed to it. */
export interface WireLog {
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
