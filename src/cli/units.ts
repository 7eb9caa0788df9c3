const units = ["KiB", "MiB", "GiB"];

/** Formats a size: 12 B, 1.5 MiB. */
export function toSizeText(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let size = bytes / 1024;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024;
  return `${size.toFixed(1)} ${units[unit]}`;
}

/** Formats a count with commas between thousands. */
export function toCountText(count: string | number): string {
  return String(count).replace(/\B(?=(?:\d{3})+$)/g, ",");
}
