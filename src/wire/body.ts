import type { Readable } from "node:stream";
import { Code, type ConnectError } from "@connectrpc/connect";
import { wireError } from "./wire-error.ts";

/**
 * Reads a whole body. Rejects with REQUEST_TOO_LARGE as soon as there are more than `bytesMax`, and with canceled when
 * the client leaves. What comes after that is thrown away.
 */
export function collectBody(readable: Readable, bytesMax: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let chunks: Buffer[] = [];
    let bytes = 0;
    let settled = false;
    readable.on("data", (chunk: Buffer) => {
      if (settled) return;
      bytes += chunk.length;
      chunks.push(chunk);
      if (bytes <= bytesMax) return;
      settled = true;
      chunks = [];
      reject(bodyTooLarge(bytesMax));
    });
    readable.on("end", () => {
      settled = true;
      resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes));
    });
    const leave = (): void => {
      if (settled) return;
      settled = true;
      reject(wireError(Code.Canceled, "CLIENT_GONE", "the client went away"));
    };
    // Node throws the errors of a stream that nobody listens to.
    readable.on("error", leave);
    readable.on("close", leave);
  });
}

export function bodyTooLarge(bytesMax: number): ConnectError {
  return wireError(
    Code.ResourceExhausted,
    "REQUEST_TOO_LARGE",
    `a request may have at most ${bytesMax} bytes`,
  );
}
