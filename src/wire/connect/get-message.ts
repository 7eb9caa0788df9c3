import type { DescMessage } from "@bufbuild/protobuf";
import { Code } from "@connectrpc/connect";
import type { Compression } from "@connectrpc/connect/protocol";
import type { Codecs } from "../protobuf/codecs.ts";
import { wireError } from "../wire-error.ts";

/**
 * Decodes the message of a Connect GET as the other protocols do, and throws what they find wrong with it: Connect's own
 * decoding rounds large JSON numbers, and calls bad base64 a fault of the server. An encoding or a compression that is not
 * supported is left to Connect.
 */
export async function checkGetMessage(
  input: DescMessage,
  query: string,
  { binary, json }: Codecs,
  compressions: readonly Compression[],
  bytesMax: number,
): Promise<void> {
  const parameters = new URLSearchParams(query);
  const message = parameters.get("message") ?? "";
  const encoding = parameters.get("encoding");
  const codec = encoding === "json" ? json : encoding === "proto" ? binary : undefined;
  const isBase64 = parameters.get("base64") === "1";
  if (isBase64 && !isValidBase64(message)) {
    throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "message is not valid base64");
  }
  if (codec === undefined) return;
  let bytes: Uint8Array = Buffer.from(message, isBase64 ? "base64" : "utf8");
  const name = parameters.get("compression");
  if (name !== null && name !== "identity") {
    const compression = compressions.find((each) => each.name === name);
    if (compression === undefined) return;
    bytes = await compression.decompress(bytes, bytesMax);
  }
  codec.decode(input, Buffer.from(bytes));
}

/** Both alphabets; padding may be left out. */
function isValidBase64(text: string): boolean {
  const digits = /^([\w+/-]*)={0,2}$/.exec(text)?.[1];
  return digits !== undefined && digits.length % 4 !== 1;
}
