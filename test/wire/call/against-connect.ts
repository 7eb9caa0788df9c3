import type { IncomingHttpHeaders } from "node:http";
import { gunzipSync } from "node:zlib";
import { type DescMessage, fromBinary, fromJson, toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { codeFromString } from "@connectrpc/connect/protocol-connect";
import { expect } from "vitest";
import { StatusSchema } from "../../../gen/google/rpc/status_pb.ts";
import { registerService } from "../../../src/wire/method-table.ts";
import {
  ConformancePayload_RequestInfoSchema,
  ConformanceService,
  IdempotentUnaryResponseSchema,
  ServerStreamResponseSchema,
  UnaryResponseSchema,
} from "../../conformance/gen/connectrpc/conformance/v1/service_pb.ts";
import { conformanceService } from "../../conformance/service.ts";
import { createRandom, seed } from "../../support/random.ts";
import { type Case, createCase, registry, requestBytesMax } from "./random-request.ts";
import { type RawAnswer, RawClient } from "./raw-exchange.ts";
import { serveService, watchForEscapes } from "./serve-service.ts";

/** An answer in words that do not depend on the protocol, nor on what differs from call to call. */
interface Reading {
  status: number;
  readonly contentType: string | undefined;
  /** Those of the handler. */
  readonly headers: Record<string, unknown>;
  readonly trailers: Record<string, unknown>;
  readonly messages: readonly unknown[];
  error: { code: Code; message: string; details: readonly { type: string; value: unknown }[] } | undefined;
}

/**
 * The intended differences between the fast paths and Connect:
 *
 * - Errors of the fast paths carry ErrorInfo and say in their own words what is wrong; so do those that hide what a handler
 *   threw. Only their code is compared.
 * - What is not protobuf is the client's fault: invalid_argument in the fast paths, internal in Connect.
 * - A message of which there is the envelope's header only is cut off for the fast paths, and none at all for Connect.
 * - Of a second message and one that cannot be decoded, the fast paths report of the second first.
 * - Each compresses other responses. Bodies are compared after decompression.
 * - An error without headers of the handler is one block (Trailers-Only) in the fast paths, two in Connect; to clients they
 *   are the same.
 * - A body over the limit that is too long for one message is too large for the fast paths, whatever its messages are.
 * - A handler sees the header of a timeout that no timer can keep in the fast paths; for Connect it is removed.
 *
 * And two that no case here provokes: a fast path ends a call at its deadline even if the handler does not listen to its
 * signal; JSON that is not UTF-8 is refused by the fast paths and patched by Connect.
 */
function withoutIntendedDifferences(reading: Reading, own: boolean): Reading {
  const { error } = reading;
  if (error === undefined || !own) return reading;
  // Whether the handler had set its headers when the deadline passed is a matter of time.
  const headers = error.code === Code.DeadlineExceeded ? {} : reading.headers;
  return { ...reading, headers, error: { ...error, message: "", details: [] } };
}

function failAsAsked(context: HandlerContext): void {
  const how = context.requestHeader.get("x-fail");
  if (how === "plain") throw new Error("secret");
  if (how === "cookies") {
    context.responseHeader.append("set-cookie", "a=1");
    context.responseHeader.append("set-cookie", "b=2");
  }
  if (how === "metadata") {
    context.responseHeader.set("x-both", "handler");
    throw new ConnectError("with metadata", Code.Aborted, {
      "x-meta": "1",
      "x-meta-bin": "AAEC",
      "x-both": "error",
      "content-type": "text/nonsense",
      "grpc-status": "0",
    });
  }
}

const service = registerService(ConformanceService, {
  ...conformanceService,
  unary(request, context) {
    if (context.requestHeader.get("x-fail") === "synchronously") throw new TypeError("secret");
    return (async () => {
      failAsAsked(context);
      return conformanceService.unary(request, context);
    })();
  },
  async *serverStream(request, context) {
    failAsAsked(context);
    yield* conformanceService.serverStream(request, context);
  },
});

/** Sends `count` random requests to both, and asserts that the responses agree. */
export async function compareWithConnect(count: number): Promise<void> {
  console.log(`SEED=${seed}`);
  const escaped = watchForEscapes();
  const random = createRandom(seed);
  const limits = { registry, requestBytesMax };
  const own = new RawClient((await serveService(service, { limits })).port);
  const connect = new RawClient((await serveService(service, { limits, fastPath: false })).port);
  let answered = 0;
  for (let round = 0; round < count; round++) {
    const each = createCase(random);
    const [ours, theirs] = await Promise.all([own.send(each.raw), connect.send(each.raw)]);
    // Whether the answer or the reset comes first is a race.
    if (each.raw.resetAfter !== undefined) continue;
    const mine = read(each, ours);
    const isOwnError = hasErrorInfo(mine);
    const context = JSON.stringify({
      seed,
      round,
      ...each,
      raw: { ...each.raw, body: each.raw.body.length },
    });
    const expected = read(each, theirs);
    // Whether the answer or the deadline comes first is a race, and how far the handler has come by then.
    if (isDeadlineExceeded(mine) || isDeadlineExceeded(expected)) continue;
    if (isOwnError) applyIntendedCodes(mine?.error, expected);
    // Both carry the case, so that a failure tells it.
    expect({ context, reading: mine && withoutIntendedDifferences(mine, isOwnError) }).toEqual({
      context,
      reading: expected && withoutIntendedDifferences(expected, isOwnError),
    });
    answered += mine === undefined ? 0 : 1;
  }
  own.close();
  connect.close();
  expect(answered).toBeGreaterThan(0);
  expect(escaped).toEqual([]);
}

function applyIntendedCodes(mine: Reading["error"], expected: Reading | undefined): void {
  const theirs = expected?.error;
  if (expected === undefined || theirs === undefined) return;
  if (mine?.message === "the request is not a protobuf message" && theirs.code === Code.Internal) {
    theirs.code = Code.InvalidArgument;
    if (expected.status === 500) expected.status = 400;
  }
  if (mine?.message === "the request is cut off" && theirs.code === Code.Unimplemented) {
    theirs.code = Code.InvalidArgument;
  }
  const undecodable = theirs.code === Code.InvalidArgument || theirs.code === Code.Internal;
  if (mine?.message === "the call has more than one request message" && undecodable) {
    theirs.code = Code.Unimplemented;
  }
}

function isDeadlineExceeded(reading: Reading | undefined): boolean {
  return reading?.error?.code === Code.DeadlineExceeded;
}

function hasErrorInfo(reading: Reading | undefined): boolean {
  return reading?.error?.details.some(({ type }) => type === "google.rpc.ErrorInfo") === true;
}

function read({ protocol, raw }: Case, answer: RawAnswer | undefined): Reading | undefined {
  if (answer === undefined) return undefined;
  const { status, headers } = answer;
  const contentType = headers["content-type"];
  const base = { status, contentType, headers: handlers(headers), trailers: {}, error: undefined };
  const codec = (schema: DescMessage, data: Buffer): unknown =>
    toPlain(
      schema,
      contentType?.includes("json") === true
        ? fromJson(schema, JSON.parse(String(data)), { registry })
        : fromBinary(schema, data),
    );
  const schema = raw.path.includes("ServerStream")
    ? ServerStreamResponseSchema
    : raw.path.includes("Idempotent")
      ? IdempotentUnaryResponseSchema
      : UnaryResponseSchema;
  if (protocol === "connect") {
    const body = headers["content-encoding"] === "gzip" ? gunzipSync(answer.body) : answer.body;
    if (status !== 200) return { ...base, messages: [], error: readJsonError(body) };
    return { ...base, messages: [codec(schema, body)] };
  }
  if (status !== 200) return { ...base, messages: [String(answer.body)] };
  const envelopes = [...splitEnvelopes(answer.body)];
  const messages = envelopes.filter(({ flags }) => flags < 0x80).map(({ data }) => codec(schema, data));
  const web = envelopes.find(({ flags }) => flags >= 0x80);
  if (web !== undefined) return withStatus({ ...base, messages }, readWebTrailers(String(web.data)));
  if (headers["grpc-status"] === undefined) return withStatus({ ...base, messages }, answer.trailers);
  return withStatus({ ...base, headers: {}, messages }, headers);
}

function withStatus(reading: Reading, trailers: IncomingHttpHeaders): Reading {
  const code = Number(trailers["grpc-status"]);
  const bin = trailers["grpc-status-details-bin"] as string | undefined;
  const details = bin === undefined ? [] : fromBinary(StatusSchema, Buffer.from(bin, "base64")).details;
  const error = {
    code,
    message: decodeURIComponent((trailers["grpc-message"] as string | undefined) ?? ""),
    details: details.map(({ typeUrl, value }) => readDetail(typeUrl.slice(typeUrl.indexOf("/") + 1), value)),
  };
  return { ...reading, trailers: handlers(trailers), error: code === 0 ? undefined : error };
}

function readJsonError(body: Buffer): Reading["error"] {
  if (body.length === 0) return undefined;
  const { code, message, details } = JSON.parse(String(body)) as {
    code: string;
    message?: string;
    details?: { type: string; value: string }[];
  };
  return {
    code: codeFromString(code) as Code,
    message: message ?? "",
    details: (details ?? []).map(({ type, value }) => readDetail(type, Buffer.from(value, "base64"))),
  };
}

function readDetail(type: string, value: Uint8Array): { type: string; value: unknown } {
  const schema = ConformancePayload_RequestInfoSchema;
  const known =
    type === schema.typeName
      ? toPlain(schema, fromBinary(schema, value))
      : Buffer.from(value).toString("hex");
  return { type, value: known };
}

const endlessTimeout = /\{"name":"(?:grpc-timeout|connect-timeout-ms)","value":\["(?:9{8}H|9{10})"\]\},/g;

/** As JSON, without the time that was left and timeouts that are as good as none. */
function toPlain(schema: DescMessage, message: ReturnType<typeof fromBinary>): unknown {
  const text = JSON.stringify(toJson(schema, message, { registry }));
  return JSON.parse(text.replace(/,?"timeoutMs":"-?\d+"/g, "").replace(endlessTimeout, ""));
}

/** What handlers have set, and nothing of the protocol. */
function handlers(headers: IncomingHttpHeaders): Record<string, unknown> {
  const own = Object.entries(headers).filter(([name]) => /^(?:trailer-)?x-|^set-cookie$/.test(name));
  return Object.fromEntries(own);
}

function readWebTrailers(text: string): IncomingHttpHeaders {
  const lines = text.split("\r\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
  );
}

function* splitEnvelopes(body: Buffer): Generator<{ flags: number; data: Buffer }> {
  for (let at = 0; at < body.length; ) {
    const length = body.readUInt32BE(at + 1);
    const data = body.subarray(at + 5, at + 5 + length);
    const flags = body[at] as number;
    yield { flags: flags & ~1, data: (flags & 1) === 1 ? gunzipSync(data) : data };
    at += 5 + length;
  }
}
