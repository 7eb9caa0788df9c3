import type { Entry } from "../client/messages.ts";

/** What an import stores of an entry. Revisions and versions are those of the target. */
export type EntryContent = Pick<Entry, "key" | "value" | "bytesValue" | "expireTime">;
