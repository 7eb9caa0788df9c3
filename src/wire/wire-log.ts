import type { Logger } from "../logging.ts";

/** What the wire needs of a logger. Keys, values and credentials are never passed to it. */
export type WireLog = Pick<Logger, "debug" | "warn" | "error">;
