const numbers = new Intl.NumberFormat("en");

export function formatCount(count: number): string {
  return numbers.format(count);
}

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let size = bytes / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${size.toFixed(size < 10 ? 1 : 0)} ${units[unit]}`;
}

/** Date and time of day, local. */
export function formatTime(time: Date): string {
  const date = `${time.getFullYear()}-${toTwoDigits(time.getMonth() + 1)}-${toTwoDigits(time.getDate())}`;
  return `${date} ${formatClock(time)}`;
}

/** The time of day, local. */
export function formatClock(time: Date): string {
  return [time.getHours(), time.getMinutes(), time.getSeconds()].map(toTwoDigits).join(":");
}

function toTwoDigits(part: number): string {
  return String(part).padStart(2, "0");
}

/** "1 h 02 min", "3 min 05 s", "12 s". */
export function formatDuration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const [hours, minutes, rest] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  if (hours >= 48) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
  if (hours > 0) return `${hours} h ${String(minutes).padStart(2, "0")} min`;
  return minutes > 0 ? `${minutes} min ${String(rest).padStart(2, "0")} s` : `${rest} s`;
}

/** A key as it is, or as a JSON string where that would not show what it is. */
export function formatKey(key: string): string {
  return key === "" || /[\p{C}\p{Zl}\p{Zp}]|^\s|\s$/u.test(key) ? JSON.stringify(key) : key;
}

/** A key as one word of a POSIX shell; undefined where it would not show what it is. */
export function quoteForShell(key: string): string | undefined {
  return formatKey(key) === key ? `'${key.replaceAll("'", "'\\''")}'` : undefined;
}
