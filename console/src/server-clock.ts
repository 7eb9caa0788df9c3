import { signal } from "@preact/signals";

/** The time of the server minus that of this machine, in ms; to half a second, since headers have whole ones. */
const offsetMs = signal(0);

/** Reads the clock of the server from the headers of a response. Leaves it as it is when there is none. */
export async function readServerClock(): Promise<void> {
  const response = await fetch(new URL(".", location.href), { method: "HEAD", cache: "no-store" });
  const date = Date.parse(response.headers.get("date") ?? "");
  if (Number.isFinite(date)) offsetMs.value = date + 500 - Date.now();
}

export function serverTime(): number {
  return Date.now() + offsetMs.value;
}
