/** Clocks that differ by less need no correction: a request id is valid for 10 minutes. */
const toleranceMs = 60_000;

/** Makes request ids: with one, a write happens once, however often it is sent. */
export class RequestIds {
  /** Clock of the server less that of this process, once they are known to differ. */
  #offsetMs = 0;

  /** A UUIDv7 (RFC 9562) as base64. */
  next(): string {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    const view = new DataView(bytes.buffer);
    const now = Date.now() + this.#offsetMs;
    view.setUint32(0, Math.floor(now / 2 ** 16));
    view.setUint16(4, now % 2 ** 16);
    view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70);
    view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
    return btoa(String.fromCharCode(...bytes));
  }

  /** Learns the time of the server from an entry that it has just written. */
  observe(updateTime: string | undefined): void {
    if (updateTime === undefined) return;
    const offset = Date.parse(updateTime) - Date.now();
    if (Math.abs(offset - this.#offsetMs) > toleranceMs) this.#offsetMs = offset;
  }
}
