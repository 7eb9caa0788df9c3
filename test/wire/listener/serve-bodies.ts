import type { BodyReader, Exchange } from "../../../src/wire/call/exchange.ts";
import { ByteBudget } from "../../../src/wire/http2/byte-budget.ts";
import { serve } from "../serve.ts";

const MiB = 1024 * 1024;

/** Reads every body and never responds. */
export async function serveBodies({
  budget = new ByteBudget(64 * MiB),
  bodyBytesMax = 4 * MiB,
  windowBytes = 4 * MiB,
} = {}) {
  const received: number[] = [];
  const failed: unknown[] = [];
  const ended: string[] = [];
  const reader: BodyReader = {
    receive: (_bytes, start, end) => void received.push(end - start),
    fail: (error) => void failed.push(error),
    abandon: () => {},
  };
  const { port } = await serve({
    listener: {
      handle: (exchange: Exchange) => exchange.readBody(bodyBytesMax, reader),
      limits: { http2: { connectionWindowBytes: windowBytes } },
      budget,
      onEnded: (reason) => void ended.push(reason),
    },
  });
  return { port, budget, received, failed, ended };
}
