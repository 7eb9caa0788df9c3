let text = "";
let madeAt = Number.NEGATIVE_INFINITY;

/** The value of a Date header, at most a second old. */
export function httpDate(): string {
  const now = Date.now();
  if (now - madeAt >= 1000 || now < madeAt) {
    madeAt = now - (now % 1000);
    text = new Date(now).toUTCString();
  }
  return text;
}
