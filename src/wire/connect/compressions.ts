import { AsyncLocalStorage } from "node:async_hooks";
import type { Compression as ConnectCompression } from "@connectrpc/connect/protocol";
import type { Compression, Encoding } from "../call/compression.ts";
import type { HeldBytes } from "../call/held-bytes.ts";
import { overloaded } from "../call/overloaded.ts";

/** Connect's library does not tell its compressions for which call they work. */
const calls = new AsyncLocalStorage<HeldBytes>();

/** Serves a call by Connect's library, with the compressions of `createCompressions`. */
export function withCompressions<Result>(held: HeldBytes, serve: () => Result): Result {
  return calls.run(held, serve);
}

/** Those of requests. What they decompress is held for the call. Connect's library must be told to compress no responses. */
export function createCompressions(
  compression: Compression,
  names: readonly Encoding[],
): ConnectCompression[] {
  return names.map((name) => ({
    name,
    compress: () => Promise.reject(new TypeError("responses are not compressed here")),
    async decompress(bytes, bytesMax) {
      const held = calls.getStore();
      if (held === undefined) throw new TypeError("not within a call");
      const content = await compression.decompress(name, bytes, bytesMax, held.exchange);
      if (!held.hold(content.length)) throw overloaded();
      return content;
    },
  }));
}
