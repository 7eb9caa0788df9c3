import type { OutgoingHttpHeaders } from "node:http";
import { gzipSync } from "node:zlib";
import { create, createRegistry, toBinary, toJsonString } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import type { Code } from "../../conformance/gen/connectrpc/conformance/v1/config_pb.ts";
import {
  ErrorSchema,
  file_connectrpc_conformance_v1_service,
  HeaderSchema,
  ServerStreamRequestSchema,
  type UnaryRequest,
  UnaryRequestSchema,
} from "../../conformance/gen/connectrpc/conformance/v1/service_pb.ts";
import type { Random } from "../../support/random.ts";
import type { RawRequest } from "./raw-exchange.ts";

export const registry = createRegistry(file_connectrpc_conformance_v1_service);

export interface Case {
  readonly protocol: "grpc" | "grpc-web" | "connect";
  readonly format: "proto" | "json";
  /** What was done to the body. */
  readonly damage: string;
  readonly raw: RawRequest;
}

export const requestBytesMax = 20_000;

const damages = [
  ...Array<string>(12).fill("none"),
  "broken",
  "empty",
  "cut off",
  "cut to a header",
  "second message",
  "trailing bytes",
  "compressed, unnamed",
  "compressed",
  "unknown encoding",
  "too large",
  "too large, promised",
  "unknown field",
  "trailers",
];

/** A request of any protocol: mostly sensible, often not. */
export function createCase(random: Random): Case {
  const chance = (probability: number): boolean => random.chance(probability);
  const pick = <T>(...choices: readonly T[]): T => random.pick(choices);

  const protocol = pick<Case["protocol"]>("grpc", "grpc-web", "connect");
  const format = pick<Case["format"]>("proto", "json");
  const version = protocol === "grpc" ? 2 : pick<1 | 2>(1, 2);
  const enveloped = protocol !== "connect";
  const damage = pick(...damages);
  const timeout = chance(0.3) ? pick("long", "short", "odd") : "none";
  const streams = enveloped && chance(0.2);
  const method = streams
    ? "ServerStream"
    : pick("Unary", "Unary", "Unary", "Unary", "IdempotentUnary", "Unimplemented", "NoSuch");

  const definition = createDefinition(random, timeout === "short" ? 300 : 0);
  const requestData = Buffer.alloc(damage === "too large" ? requestBytesMax * 4 : random.below(500));
  const message = encodeMessage(streams, format, definition, requestData);

  const headers: OutgoingHttpHeaders = {
    ...contentTypeOf(protocol, format, pick),
    ...oddHeaders(pick, chance),
  };
  setTimeoutHeader(headers, protocol, timeout, pick);
  let body = message;
  if (damage === "broken")
    body = Buffer.from(
      format === "json" ? pick("{", "[]", '{"requestData":1}') : "\xff\xff\x0a\xff",
      "latin1",
    );
  if (damage === "unknown field" && format === "json") body = Buffer.from('{"noSuchField":1}');
  if (damage === "compressed" || damage === "unknown encoding") {
    headers[enveloped ? "grpc-encoding" : "content-encoding"] = damage === "compressed" ? "gzip" : "zebra";
    body = gzipSync(body);
  }
  if (enveloped) body = wrap(body, damage);
  if (damage === "empty") body = Buffer.alloc(0);
  if (damage === "cut off") {
    const end = random.below(body.length);
    body = body.subarray(0, end === 5 ? 4 : end);
  }

  return {
    protocol,
    format,
    damage,
    raw: {
      version,
      method: chance(0.05) ? pick("GET", "PUT", "DELETE", "PATCH", "OPTIONS") : "POST",
      path: `/connectrpc.conformance.v1.ConformanceService/${method}${chance(0.03) ? "?a=b" : ""}`,
      headers,
      body,
      ...(chance(0.05) ? { resetAfter: random.below(body.length) } : {}),
    },
  };
}

type Pick = <T>(...choices: readonly T[]) => T;

function contentTypeOf(protocol: Case["protocol"], format: Case["format"], pick: Pick): OutgoingHttpHeaders {
  const prefix = protocol === "connect" ? "application/" : `application/${protocol}+`;
  const type = `${prefix}${format}`;
  const bare = protocol !== "connect" && format === "proto" ? `application/${protocol}` : type;
  const odd = pick(
    type.toUpperCase(),
    `${type}; charset=utf-8`,
    `${prefix}xml`,
    "text/plain",
    "",
    undefined,
    bare,
    bare,
  );
  const chosen = pick(type, type, type, type, type, type, type, odd);
  return chosen === undefined ? {} : { "content-type": chosen };
}

function oddHeaders(pick: Pick, chance: (probability: number) => boolean): OutgoingHttpHeaders {
  return {
    ...(chance(0.3) ? { "x-text": pick("a", "a, b", "  spaces  ", "\u00e9", "x".repeat(2000)) } : {}),
    ...(chance(0.2) ? { "x-data-bin": pick("AAEC", "AAEC,AwQF", "not base64!") } : {}),
    ...(chance(0.2) ? { "x-many": ["1", "2"] } : {}),
    ...(chance(0.2) ? { te: "trailers" } : {}),
    ...(chance(0.2) ? { "x-fail": pick("plain", "synchronously", "metadata", "cookies") } : {}),
    ...(chance(0.1) ? { "accept-encoding": "gzip", "grpc-accept-encoding": "gzip,identity" } : {}),
    ...(chance(0.1) ? { "connect-protocol-version": pick("1", "2") } : {}),
    ...(chance(0.05) ? { "grpc-encoding": "identity", "content-encoding": "identity" } : {}),
  };
}

function setTimeoutHeader(headers: OutgoingHttpHeaders, protocol: string, timeout: string, pick: Pick): void {
  if (timeout === "none") return;
  const connect = {
    long: pick("60000", "9999999999"),
    short: "20",
    odd: pick("", "-1", "1s", "12345678901"),
  };
  const grpc = {
    long: pick("60S", "60000m", "99999999H", "1H"),
    short: pick("20m", "20000u", "1n"),
    odd: pick("", "1", "m", "-1m", "123456789m", "1 S", "1s"),
  };
  const name = protocol === "connect" ? "connect-timeout-ms" : "grpc-timeout";
  headers[name] = (protocol === "connect" ? connect : grpc)[timeout as keyof typeof grpc];
}

function createDefinition(random: Random, responseDelayMs: number): UnaryRequest["responseDefinition"] {
  const pick: Pick = (...choices) => random.pick(choices) as never;
  const metadata = (name: string) =>
    random.chance(0.5)
      ? []
      : [
          create(HeaderSchema, { name: `x-${name}`, value: pick(["a"], ["a", "b"], [""], ["\u00e9"]) }),
          create(HeaderSchema, { name: `x-${name}-bin`, value: ["AAEC"] }),
        ];
  const detail = anyPack(HeaderSchema, create(HeaderSchema, { name: "detail", value: ["1", "2"] }));
  const fails = random.chance(0.4);
  return create(UnaryRequestSchema, {
    responseDefinition: {
      responseHeaders: metadata("header"),
      responseTrailers: metadata("trailer"),
      responseDelayMs,
      response: fails
        ? {
            case: "error",
            value: create(ErrorSchema, {
              code: (1 + random.below(16)) as Code,
              message: pick("", "plain", "100 % \u00fc\u{1f600}\r\n\t", "x".repeat(1000)),
              details: pick([], [detail], [detail, detail]),
            }),
          }
        : { case: "responseData", value: Buffer.alloc(random.below(4000), 7) },
    },
  }).responseDefinition;
}

function encodeMessage(
  streams: boolean,
  format: Case["format"],
  definition: UnaryRequest["responseDefinition"],
  requestData: Uint8Array,
): Buffer {
  if (!streams) {
    const message = create(UnaryRequestSchema, {
      requestData,
      ...(definition && { responseDefinition: definition }),
    });
    return Buffer.from(
      format === "proto"
        ? toBinary(UnaryRequestSchema, message)
        : toJsonString(UnaryRequestSchema, message, { registry }),
    );
  }
  const { responseHeaders = [], responseTrailers = [], responseDelayMs = 0, response } = definition ?? {};
  const message = create(ServerStreamRequestSchema, {
    requestData,
    responseDefinition: {
      responseHeaders: [...responseHeaders],
      responseTrailers: [...responseTrailers],
      responseDelayMs,
      responseData:
        responseDelayMs > 0 ? [Buffer.from("late")] : [Buffer.from("a"), Buffer.alloc(3000), Buffer.alloc(0)],
      ...(response?.case === "error" ? { error: response.value } : {}),
    },
  });
  const schema = ServerStreamRequestSchema;
  return Buffer.from(
    format === "proto" ? toBinary(schema, message) : toJsonString(schema, message, { registry }),
  );
}

function wrap(data: Uint8Array, damage: string): Buffer {
  const flags = damage.startsWith("compressed") ? 1 : 0;
  const one = envelope(flags, damage === "too large, promised" ? requestBytesMax + 1 : data.length, data);
  if (damage === "second message") return Buffer.concat([one, one]);
  if (damage === "trailing bytes") return Buffer.concat([one, Buffer.from([0, 0])]);
  if (damage === "trailers") return Buffer.concat([one, envelope(0x80, 4, Buffer.from("a: b"))]);
  if (damage === "cut to a header") return one.subarray(0, 5);
  return one;
}

function envelope(flags: number, length: number, data: Uint8Array): Buffer {
  const header = Buffer.alloc(5);
  header[0] = flags;
  header.writeUInt32BE(length, 1);
  return Buffer.concat([header, data]);
}
