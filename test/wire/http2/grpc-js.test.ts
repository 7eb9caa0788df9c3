import { Client, type ClientReadableStream, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { ResponseHeaders } from "../../../src/wire/http2/response-headers.ts";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { until } from "../../support/until.ts";
import { BodyHandler, serveHttp2 } from "./serve-http2.ts";

const headers = ResponseHeaders.headers(200, { "content-type": "application/grpc+proto" });
const trailers = ResponseHeaders.trailers({ "grpc-status": "0" });
const bytesAsTheyAre = (bytes: Buffer): Buffer => bytes;

/** A message of `length` bytes in its envelope. */
function envelope(length: number): Buffer {
  const bytes = Buffer.alloc(5 + length, "m");
  bytes[0] = 0;
  bytes.writeUInt32BE(length, 1);
  return bytes;
}

async function openClient(onStream: (stream: Stream) => void) {
  const served = await serveHttp2({ onStream, varyingHeader: "grpc-timeout" });
  const client = new Client(`127.0.0.1:${served.port}`, credentials.createInsecure());
  onTestFinished(() => client.close());
  const call = (path: string, message: Buffer, deadline?: number): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const options = deadline === undefined ? {} : { deadline };
      const done = (error: ServiceError | null, response?: Buffer): void => {
        if (error === null) resolve(response as Buffer);
        else reject(error);
      };
      client.makeUnaryRequest(path, bytesAsTheyAre, bytesAsTheyAre, message, options, done);
    });
  return { ...served, client, call };
}

const echo = (stream: Stream): void => {
  stream.handler = new BodyHandler(stream, (body) =>
    stream.respondWhole(headers, body, 0, body.length, trailers),
  );
};

describe("grpc-js", () => {
  test("makes unary calls of any size, each with a deadline of its own", async () => {
    const { call, ends } = await openClient(echo);
    const lengths = [0, 1, 100, 16_384, 100_000, 3_000_000];
    for (const [index, length] of lengths.entries()) {
      const response = await call("/test.Echo/Call", Buffer.alloc(length, "x"), Date.now() + 60_000 + index);
      expect(response.length).toBe(length);
    }
    expect(ends).toEqual([]);
  });

  test("gets a response of trailers only", async () => {
    const { call } = await openClient((stream) => {
      stream.respondAndEnd(headers, ["grpc-status", String(status.NOT_FOUND), "grpc-message", "no such key"]);
    });
    await expect(call("/test.Echo/Call", Buffer.from("x"))).rejects.toThrow("no such key");
  });

  test("reads a stream slowly, and cancels it", async () => {
    let written = 0;
    let aborted: string | undefined;
    const { client, ends } = await openClient((stream) => {
      stream.respond(headers);
      const message = envelope(50_000);
      const more = (): void => {
        do written++;
        while (stream.write(message));
      };
      const handler = new BodyHandler(stream, more);
      handler.onDrain = more;
      handler.onAbort = (reason) => {
        aborted = reason;
      };
      stream.handler = handler;
    });
    const stream: ClientReadableStream<Buffer> = client.makeServerStreamRequest(
      "/test.Echo/Watch",
      bytesAsTheyAre,
      bytesAsTheyAre,
      Buffer.alloc(0),
    );
    stream.on("error", () => {});
    let read = 0;
    stream.on("data", () => {
      read++;
      if (read === 100) stream.pause();
    });
    await until(() => read === 100);
    // The windows hold the server back: it is not far ahead of its client.
    expect(written).toBeLessThan(300);
    stream.cancel();
    await until(() => aborted !== undefined);
    expect(aborted).toBe("cancelled");
    expect(ends).toEqual(["cancelled"]);
  });
});
