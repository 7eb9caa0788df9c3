import { AsyncLocalStorage } from "node:async_hooks";
import type { Compression as ConnectCompression } from "@connectrpc/connect/protocol";
import type { Compression, Encoding } from "../call/compression.ts";
import type { Exchange } from "../call/exchange.ts";
import { overloaded } from "../call/overloaded.ts";

/** Connect's library does not tell its compressions for which call they work. */
const exchanges = new AsyncLocalStorage<Exchange>();

/** Serves a call by Connect's library, with the compressions of `createCompressions`. */
export function withCompressions<Result>(exchange: Exchange, serve: () => Result): Result {
  return exchanges.run(exchange, serve);
}

/**
 * Those of requests. What they decompress counts until the exchange is over: nothing tells when Connect's library drops it.
 * It must be told to compress no responses.
 */
export function createCompressions(
  compression: Compression,
  names: readonly Encoding[],
): ConnectCompression[] {
  return names.map((name) => ({
    name,
    compress: () => Promise.reject(new TypeError("responses are not compressed here")),
    async decompress(bytes, bytesMax) {
      const exchange = exchanges.getStore();
      if (exchange === undefined) throw new TypeError("not within a call");
      const content = await compression.decompress(name, bytes, bytesMax, exchange);
      if (!exchange.hold(content.length)) throw overloaded();
      return content;
    },
  }));
}
