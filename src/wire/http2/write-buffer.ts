/** Room for the responses to one chunk of small requests. */
export const writeBufferBytes = 256 * 1024;

/** What one write to a socket is made of. Taken from a pool and put back when the socket has taken the bytes. */
export interface WriteBuffer {
  readonly bytes: Buffer;
}

const pooledMax = 64;
const pool: WriteBuffer[] = [];

export function takeWriteBuffer(): WriteBuffer {
  return pool.pop() ?? { bytes: Buffer.allocUnsafeSlow(writeBufferBytes) };
}

export function putBackWriteBuffer(buffer: WriteBuffer): void {
  if (pool.length < pooledMax) pool.push(buffer);
}
