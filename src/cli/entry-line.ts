import type { Entry } from "./client/messages.ts";
import { readValue } from "./entry-value.ts";
import { toPrintable } from "./printable.ts";

/** A value on one line: text unchanged or as a JSON string, bytes as their count. */
export function toValueText(entry: Entry): string {
  return entry.bytesValue === undefined
    ? toPrintable(entry.value ?? "")
    : `(${readValue(entry).length} bytes)`;
}

/** Formats a time in the user's time zone: 2026-11-27 12:01:09. A dash for no time. */
export function toDateText(time: string | undefined): string {
  if (time === undefined) return "-".padEnd(19);
  const date = new Date(time);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(pad).join("-");
  return `${day} ${toTimeText(time)}`;
}

/** Formats a time of day in the user's time zone: 12:01:09. */
export function toTimeText(time: string): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
