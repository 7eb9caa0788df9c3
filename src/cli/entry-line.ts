import type { Entry } from "./client/messages.ts";
import { readValue } from "./entry-value.ts";
import { toPrintable } from "./printable.ts";

/** A value on one line: text as it is or as a JSON string, bytes by their number. */
export function toValueText(entry: Entry): string {
  return entry.bytesValue === undefined
    ? toPrintable(entry.value ?? "")
    : `(${readValue(entry).length} bytes)`;
}

/** 2026-11-27 12:01:09 in the zone of the user; a dash for no time. */
export function toDateText(time: string | undefined): string {
  if (time === undefined) return "-".padEnd(19);
  const date = new Date(time);
  const day = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(pad).join("-");
  return `${day} ${toTimeText(time)}`;
}

/** 12:01:09 in the zone of the user. */
export function toTimeText(time: string): string {
  const date = new Date(time);
  return [date.getHours(), date.getMinutes(), date.getSeconds()].map(pad).join(":");
}

function pad(number: number): string {
  return String(number).padStart(2, "0");
}
