import { toError } from "./error-response.ts";

// A message of a Connect stream has five bytes before it: flags and length. The last one, with the flag "end", has the
// error of the call.
const headerBytes = 5;
const endFlag = 2;

export function encodeEnvelope(message: object): Uint8Array<ArrayBuffer> {
  const json = new TextEncoder().encode(JSON.stringify(message));
  const bytes = new Uint8Array(headerBytes + json.length);
  new DataView(bytes.buffer).setUint32(1, json.length);
  bytes.set(json, headerBytes);
  return bytes;
}

/** Yields the messages; throws DuetError if the end has an error, and Error if there is no end. */
export async function* readEnvelopes(
  body: ReadableStream<Uint8Array>,
): AsyncGenerator<object, void, undefined> {
  const reader = body.getReader();
  let rest: Uint8Array = new Uint8Array();

  /** The next bytes. A message that came in many pieces is put together once. */
  async function take(length: number): Promise<Uint8Array> {
    const pieces = [rest];
    for (let held = rest.length; held < length; ) {
      const { done, value } = await reader.read();
      if (done) throw new Error("the stream ended without an end");
      pieces.push(value);
      held += value.length;
    }
    const bytes = pieces.length === 1 ? rest : join(pieces);
    rest = bytes.subarray(length);
    return bytes.subarray(0, length);
  }

  try {
    for (;;) {
      const header = await take(headerBytes);
      const length = new DataView(header.buffer, header.byteOffset).getUint32(1);
      const message = JSON.parse(new TextDecoder().decode(await take(length)));
      if (((header[0] as number) & endFlag) === 0) {
        yield message;
        continue;
      }
      if (message.error !== undefined) throw toError(message.error);
      return;
    }
  } finally {
    // Also when the consumer leaves: the server must notice.
    reader.cancel().catch(() => {});
  }
}

function join(pieces: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(pieces.reduce((length, piece) => length + piece.length, 0));
  let offset = 0;
  for (const piece of pieces) {
    bytes.set(piece, offset);
    offset += piece.length;
  }
  return bytes;
}
