import { setImmediate } from "node:timers/promises";
import { expect } from "vitest";
import { ByteBudget } from "../../../src/wire/http2/byte-budget.ts";
import { createHttp2Server } from "../../../src/wire/http2/http2-server.ts";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { createRandom, type Random, seed } from "../../support/random.ts";
import { until } from "../../support/until.ts";
import { MemorySocket } from "./memory-socket.ts";
import { randomSequence } from "./random-frames.ts";
import { BodyHandler } from "./serve-http2.ts";

const headers = ResponseHeaders.headers(200, { "content-type": "text/plain" });
const trailers = ResponseHeaders.trailers({ "x-done": "yes" });

/** Responds at once, later, in parts, not at all, or before the request is complete, depending on the stream. */
function respond(stream: Stream, random: Random): void {
  const kind = random.below(6);
  const whole = (body: Buffer): void => stream.respondWhole(headers, body, 0, body.length, trailers);
  stream.handler = new BodyHandler(stream, (body) => {
    if (kind === 0) queueMicrotask(() => whole(body));
    if (kind === 1) setTimeout(() => whole(body), 1);
    if (kind === 2) {
      stream.respond(headers);
      stream.write(Buffer.alloc(200_000));
      stream.write(body);
      stream.end();
    }
    if (kind > 3) whole(body);
  });
  if (kind === 5) stream.respondAndEnd(headers);
}

/**
 * Sends random and mutated frames on as many connections as `count`, whole in the first segment or in pieces of 1 to 25
 * bytes. They must end nothing but their own connection, and leave nothing behind.
 */
export async function fuzzFrames(count: number): Promise<void> {
  console.log(`SEED=${seed}`);
  const errors: unknown[] = [];
  const budget = new ByteBudget(1_000_000);
  let random = createRandom(seed);
  let requests = 0;
  const server = createHttp2Server({
    budget,
    onError: (error) => void errors.push(error),
    onStream: (stream) => {
      requests++;
      respond(stream, random);
    },
    limits: { connectionBytesMax: 300_000, closeMs: 10, floodBurst: 30, turnMs: seed % 2 },
  });
  for (let round = 0; round < count; round++) {
    random = createRandom(seed + round);
    const bytes = randomSequence(random);
    const socket = new MemorySocket();
    server.accept(socket.asSocket);
    if (random.chance(0.5)) {
      socket.push(bytes);
    } else {
      for (let at = 0; at < bytes.length && !socket.destroyed; ) {
        const end = at + 1 + random.below(25);
        socket.push(bytes.subarray(at, end));
        at = end;
        if (random.chance(0.02)) await setImmediate();
      }
    }
    await setImmediate();
    if (random.chance(0.5)) socket.push(null);
    else socket.destroy();
    if (errors.length > 0) throw new Error(`round ${round} of SEED=${seed}`, { cause: errors[0] });
  }
  await until(() => server.connections.size === 0);
  expect(requests).toBeGreaterThan(count / 2);
  expect(budget.used).toBe(0);
}
