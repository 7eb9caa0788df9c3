import { setTimeout as sleep } from "node:timers/promises";
import { create, createRegistry, type DescMessage, type Message } from "@bufbuild/protobuf";
import { type Any, anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import {
  BidiStreamRequestSchema,
  ClientStreamRequestSchema,
  type ConformancePayload,
  type ConformancePayload_RequestInfo,
  ConformancePayload_RequestInfoSchema,
  ConformancePayloadSchema,
  type ConformanceService,
  type Error as ErrorDefinition,
  file_connectrpc_conformance_v1_service,
  type Header,
  HeaderSchema,
  IdempotentUnaryRequestSchema,
  ServerStreamRequestSchema,
  type StreamResponseDefinition,
  UnaryRequestSchema,
  type UnaryResponseDefinition,
} from "./gen/connectrpc/conformance/v1/service_pb.ts";

const registry = createRegistry(file_connectrpc_conformance_v1_service);

/** The service of the conformance suite, as its contract describes it: each request says how it is to be answered. */
export const conformanceService: ServiceImpl<typeof ConformanceService> = {
  async unary(request, context) {
    const requests = [anyPack(UnaryRequestSchema, request)];
    return { payload: await answerOnce(request.responseDefinition, requests, context) };
  },

  async idempotentUnary(request, context) {
    const requests = [anyPack(IdempotentUnaryRequestSchema, request)];
    return { payload: await answerOnce(request.responseDefinition, requests, context) };
  },

  async clientStream(stream, context) {
    let definition: UnaryResponseDefinition | undefined;
    const timeoutMs = context.timeoutMs();
    const requests: Any[] = [];
    for await (const request of stream) {
      if (requests.length === 0) definition = request.responseDefinition;
      requests.push(anyPack(ClientStreamRequestSchema, request));
    }
    return { payload: await answerOnce(definition, requests, context, timeoutMs) };
  },

  async *serverStream(request, context) {
    const definition = request.responseDefinition;
    const requests = [anyPack(ServerStreamRequestSchema, request)];
    setHeaders(definition, context);
    for (const [index, data] of (definition?.responseData ?? []).entries()) {
      await delay(definition, context);
      yield { payload: index === 0 ? payloadOf(data, requestInfoOf(requests, context)) : payloadOf(data) };
    }
    failAsDefined(definition, requests, context);
  },

  async *bidiStream(stream, context) {
    let definition: StreamResponseDefinition | undefined;
    let fullDuplex = false;
    let received = 0;
    let sent = 0;
    let requests: Any[] = [];
    for await (const request of stream) {
      if (received++ === 0) {
        definition = request.responseDefinition;
        fullDuplex = request.fullDuplex;
        setHeaders(definition, context);
      }
      requests.push(anyPack(BidiStreamRequestSchema, request));
      if (!fullDuplex) continue;
      const data = definition?.responseData[sent];
      if (data === undefined) break;
      const info =
        sent === 0
          ? requestInfoOf(requests, context)
          : create(ConformancePayload_RequestInfoSchema, { requests });
      await delay(definition, context);
      yield { payload: payloadOf(data, info) };
      sent += 1;
      requests = [];
    }
    for (const data of definition?.responseData.slice(sent) ?? []) {
      await delay(definition, context);
      yield { payload: sent++ === 0 ? payloadOf(data, requestInfoOf(requests, context)) : payloadOf(data) };
    }
    if (sent === 0 || definition?.error !== undefined) failAsDefined(definition, requests, context);
  },

  unimplemented() {
    throw new ConnectError("not implemented, as the suite wants it", Code.Unimplemented);
  },
};

async function answerOnce(
  definition: UnaryResponseDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
  timeoutMs = context.timeoutMs(),
): Promise<ConformancePayload> {
  const info = requestInfoOf(requests, context, timeoutMs);
  setHeaders(definition, context);
  await delay(definition, context);
  const response = definition?.response;
  if (response?.case === "error") throw errorOf(response.value, info);
  return payloadOf(response?.case === "responseData" ? response.value : undefined, info);
}

function payloadOf(
  data: Uint8Array | undefined,
  requestInfo?: ConformancePayload_RequestInfo,
): ConformancePayload {
  return create(ConformancePayloadSchema, {
    ...(data === undefined ? {} : { data }),
    ...(requestInfo === undefined ? {} : { requestInfo }),
  });
}

function requestInfoOf(
  requests: Any[],
  context: HandlerContext,
  timeoutMs = context.timeoutMs(),
): ConformancePayload_RequestInfo {
  const requestHeaders: Header[] = [];
  for (const [name, value] of context.requestHeader) {
    requestHeaders.push(create(HeaderSchema, { name, value: [value] }));
  }
  const queryParams = [...new URL(context.url).searchParams].map(([name, value]) => ({
    name,
    value: [value],
  }));
  return create(ConformancePayload_RequestInfoSchema, {
    requestHeaders,
    requests,
    ...(timeoutMs === undefined ? {} : { timeoutMs: BigInt(Math.floor(timeoutMs)) }),
    ...(context.requestMethod === "GET" ? { connectGetInfo: { queryParams } } : {}),
  });
}

function setHeaders(
  definition: UnaryResponseDefinition | StreamResponseDefinition | undefined,
  context: HandlerContext,
): void {
  append(context.responseHeader, definition?.responseHeaders);
  append(context.responseTrailer, definition?.responseTrailers);
}

function append(headers: Headers, added: readonly Header[] = []): void {
  for (const { name, value } of added) for (const each of value) headers.append(name, each);
}

async function delay(
  definition: { readonly responseDelayMs: number } | undefined,
  { signal }: HandlerContext,
): Promise<void> {
  if (definition === undefined || definition.responseDelayMs === 0) return;
  await sleep(definition.responseDelayMs, undefined, { signal }).catch(() => {
    throw ConnectError.from(signal.reason);
  });
}

/** Throws the error of a definition. The request belongs to it when nothing else has carried it. */
function failAsDefined(
  definition: StreamResponseDefinition | undefined,
  requests: Any[],
  context: HandlerContext,
): void {
  if (definition?.error === undefined) return;
  const silent = definition.responseData.length === 0;
  throw errorOf(definition.error, silent ? requestInfoOf(requests, context) : undefined);
}

function errorOf(
  { code, message, details }: ErrorDefinition,
  info: ConformancePayload_RequestInfo | undefined,
): ConnectError {
  const known: { desc: DescMessage; value: Message }[] = details.flatMap((detail) => {
    const value = anyUnpack(detail, registry);
    const desc = value === undefined ? undefined : registry.getMessage(value.$typeName);
    return value === undefined || desc === undefined ? [] : [{ desc, value }];
  });
  if (info !== undefined) known.push({ desc: ConformancePayload_RequestInfoSchema, value: info });
  return new ConnectError(message ?? "", code as number, undefined, known);
}
