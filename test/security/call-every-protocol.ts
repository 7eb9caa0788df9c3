import {
  create,
  type DescMessage,
  type DescMethod,
  getOption,
  hasOption,
  type JsonObject,
  type MessageInitShape,
  toJson,
} from "@bufbuild/protobuf";
import { ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { errorFromJsonBytes } from "@connectrpc/connect/protocol-connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { http } from "../../gen/google/api/annotations_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { request as sendRequest } from "../support/rest-request.ts";

export type RequestInit = MessageInitShape<DescMessage>;
type RequestHeaders = Readonly<Record<string, string>>;

/** "OK", or the reason of the failure; "not possible" when the protocol cannot call the method. */
type Outcome = string;

/** Calls a method. A stream is read up to its first message. */
export type CallMethod = (
  method: DescMethod,
  request: RequestInit,
  headers: RequestHeaders,
) => Promise<Outcome>;

/** Every way in which a method can be called. */
export function everyProtocol(origin: string): Readonly<Record<string, CallMethod>> {
  const http1 = { baseUrl: origin, httpVersion: "1.1" as const };
  const http2 = { baseUrl: origin, httpVersion: "2" as const };
  return {
    gRPC: byTransport(createGrpcTransport(http2), true),
    "gRPC-Web": byTransport(createGrpcWebTransport(http1), false),
    "Connect, JSON": byTransport(createConnectTransport({ ...http1, useBinaryFormat: false }), false),
    "Connect, binary": byTransport(createConnectTransport(http2), false),
    // By Connect's own pipeline.
    "Connect, GET": byTransport(createConnectTransport({ ...http1, useHttpGet: true }), false),
    REST: byRest(origin),
  };
}

function byTransport(transport: Transport, takesBidi: boolean): CallMethod {
  return async (method, request, headers) => {
    const isBidi = method.methodKind === "bidi_streaming";
    if (isBidi && !takesBidi) return "not possible";
    const client = createClient(method.parent, transport) as Record<string, unknown>;
    const call = client[method.localName] as (input: unknown, options: object) => unknown;
    const leave = new AbortController();
    const options = { headers, signal: leave.signal };
    try {
      if (method.methodKind === "unary") await call(request, options);
      else {
        const messages = call(isBidi ? once(request) : request, options) as AsyncIterable<unknown>;
        await messages[Symbol.asyncIterator]().next();
      }
      return "OK";
    } catch (error) {
      return reasonOf(ConnectError.from(error));
    } finally {
      leave.abort();
    }
  };
}

async function* once<Item>(item: Item): AsyncGenerator<Item, void> {
  yield item;
}

function byRest(origin: string): CallMethod {
  return async (method, init, headers) => {
    if (!hasOption(method, http)) return "not possible";
    const { pattern, body } = getOption(method, http);
    const fields = toJson(method.input, create(method.input, init)) as JsonObject;
    const verb = String(pattern.case).toUpperCase();
    let path = pattern.value as string;
    if (path.includes("{key=**}")) {
      path = path.replace("{key=**}", encodeURIComponent(fields["key"] as string));
      delete fields["key"];
    }
    if (body === "*") {
      const type = { "content-type": "application/json", accept: "application/json" };
      return read(await sendRequest(origin, verb, path, { ...type, ...headers }, JSON.stringify(fields)));
    }
    const query = new URLSearchParams(toParameters(fields, ""));
    const target = `${path}?${query.toString()}`;
    if (method.methodKind !== "unary") return firstPart(`${origin}${target}`, headers);
    return read(await sendRequest(origin, verb, target, headers));
  };
}

function toParameters(fields: JsonObject, prefix: string): [string, string][] {
  return Object.entries(fields).flatMap(([name, value]): [string, string][] => {
    if (Array.isArray(value)) return value.map((each) => [prefix + name, each as string]);
    return typeof value === "object" && value !== null
      ? toParameters(value, `${prefix}${name}.`)
      : [[prefix + name, String(value)]];
  });
}

async function firstPart(url: string, headers: RequestHeaders): Promise<Outcome> {
  const leave = new AbortController();
  const response = await fetch(url, { headers, signal: leave.signal });
  if (!response.ok) {
    return read({ status: response.status, body: Buffer.from(await response.arrayBuffer()) });
  }
  await response.body?.getReader().read();
  leave.abort();
  return "OK";
}

function read({ status, body }: { readonly status: number; readonly body: Buffer }): Outcome {
  if (status < 400) return "OK";
  return reasonOf(errorFromJsonBytes(body, undefined, new ConnectError(`status ${status}`)));
}

function reasonOf(error: ConnectError): string {
  return error.findDetails(ErrorInfoSchema)[0]?.reason ?? String(error);
}
