import { ByteReader } from "../http/byte-reader.ts";
import { toCallError } from "./call-error.ts";

// In a Connect stream, five bytes precede each message: flags and length.
const headerBytes = 5;
const endFlag = 2;
const messageBytesMax = 256 * 1024 * 1024;

export function encodeEnvelope(json: string): Buffer {
  const message = Buffer.from(json);
  const header = Buffer.alloc(headerBytes);
  header.writeUInt32BE(message.length, 1);
  return Buffer.concat([header, message]);
}

/**
 * Decodes the messages of a stream. Throws CallError when the stream ends with an error, or without its end message.
 */
export async function* readEnvelopes<Message>(
  pieces: AsyncIterable<Buffer>,
): AsyncGenerator<Message, void, undefined> {
  const reader = new ByteReader(pieces);
  for (;;) {
    const header = await reader.bytes(headerBytes);
    const [flags, length] = [header.readUInt8(0), header.readUInt32BE(1)];
    if (length > messageBytesMax)
      throw new Error(`a message has ${length} bytes; the limit is ${messageBytesMax}`);
    const message = JSON.parse((await reader.bytes(length)).toString());
    if ((flags & endFlag) === 0) {
      yield message;
      continue;
    }
    if (message.error !== undefined) throw toCallError(message.error);
    return;
  }
}
