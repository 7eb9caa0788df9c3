import { bodyTooLarge } from "../call/body-too-large.ts";
import type { HeldBytes } from "../call/held-bytes.ts";
import { overloaded } from "../call/overloaded.ts";
import { envelopeHeaderBytes } from "../grpc/envelope.ts";
import { BodyBuffer } from "../listener/body-buffer.ts";

/** The least that a part of a body counts which is kept by itself: what its objects cost. */
const partBytesMin = 512;

const envelopedType = /^application\/(?:grpc|connect\+)/i;

/** The body of a request for Connect's library. What the library keeps of it is held in `held`. */
export function readRequestBody(held: HeldBytes, messageBytesMax: number): AsyncGenerator<Uint8Array> {
  const { headers } = held.exchange;
  const parts = held.exchange.body();
  return envelopedType.test(headers["content-type"] ?? "")
    ? readEnvelopes(parts, held, messageBytesMax)
    : readParts(parts, held);
}

/** The library collects all parts of an only message. */
async function* readParts(parts: AsyncIterable<Buffer>, held: HeldBytes): AsyncGenerator<Uint8Array> {
  for await (const part of parts) {
    if (!held.hold(Math.max(part.length, partBytesMin))) throw overloaded();
    yield part;
  }
}

/**
 * One whole envelope after another: of one that has begun, the library would keep each part, however small, and it would
 * make room for the length that is announced. A message is released when the next one is asked for.
 */
async function* readEnvelopes(
  parts: AsyncIterable<Buffer>,
  held: HeldBytes,
  messageBytesMax: number,
): AsyncGenerator<Uint8Array> {
  const envelope = new BodyBuffer(held, envelopeHeaderBytes + messageBytesMax);
  for await (const part of parts) {
    for (let at = 0; at < part.length; ) {
      const end = Math.min(part.length, at + missingBytes(envelope));
      if (!envelope.append(part, at, end)) throw overloaded();
      at = end;
      const missing = missingBytes(envelope);
      if (envelope.length === envelopeHeaderBytes && missing > messageBytesMax)
        throw bodyTooLarge(messageBytesMax);
      if (missing > 0) continue;
      yield envelope.take();
      held.release();
    }
  }
  // The library refuses what is cut off.
  if (envelope.length > 0) yield envelope.take();
}

/** How many bytes the header of an envelope, or the envelope, lacks. */
function missingBytes({ bytes }: BodyBuffer): number {
  if (bytes.length < envelopeHeaderBytes) return envelopeHeaderBytes - bytes.length;
  return envelopeHeaderBytes + bytes.readUInt32BE(1) - bytes.length;
}
