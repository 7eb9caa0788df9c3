/** Clocks that differ by less need no correction: a request id is valid for 10 minutes. */
const toleranceMs = 60_000;

/** Makes request ids: with one, a write happens once, however often it is sent. */
export class RequestIds {
  /** Clock of the server less that of this process, once they are known to differ. */
  #offsetMs = 0;

  /** A UUIDv7 (RFC 9562) as base64. */
  next(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    let time = Date.now() + this.#offsetMs;
    for (let at = 5; at >= 0; at--) {
      // Keeps the last 8 bits.
      bytes[at] = time;
      time /= 256;
    }
    bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70;
    bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
    return btoa(String.fromCharCode(...bytes));
  }

  /** Learns the time of the server from an entry that it has just written. */
  observe(updateTime: string | undefined): void {
    if (updateTime === undefined) return;
    const offset = Date.parse(updateTime) - Date.now();
    if (Math.abs(offset - this.#offsetMs) > toleranceMs) this.#offsetMs = offset;
  }
}
