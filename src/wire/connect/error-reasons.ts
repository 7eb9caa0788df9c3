import {
  Code,
  type ConnectError,
  type ContextValues,
  createContextKey,
  createContextValues,
  type Interceptor,
} from "@connectrpc/connect";
import type { UniversalServerResponse } from "@connectrpc/connect/protocol";
import {
  codeToHttpStatus,
  endStreamFlag,
  endStreamFromJson,
  endStreamToJson,
  errorFromJsonBytes,
  errorToJsonBytes,
} from "@connectrpc/connect/protocol-connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { trailerFlag, trailerParse, trailerSerialize } from "@connectrpc/connect/protocol-grpc-web";
import type { Reason } from "../../reasons.ts";
import { encodeEnvelope, envelopeHeaderBytes } from "../grpc/envelope.ts";
import { setGrpcStatus } from "../grpc/status.ts";
import { findErrorInfo, wireError } from "../wire-error.ts";

/** The reasons of what Connect refuses by itself, where the message tells no more. */
const reasons: Partial<Record<Code, Reason>> = {
  [Code.Canceled]: "CLIENT_GONE",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.InvalidArgument]: "REQUEST_MALFORMED",
  [Code.ResourceExhausted]: "REQUEST_TOO_LARGE",
  [Code.Unimplemented]: "NO_SUCH_METHOD",
};

/** Whether the handler of a call failed: its error stays as it is. */
const handlerFailed = createContextKey({ yes: false });

/** Values by which `withReasons` distinguishes errors of the handler from those of Connect. */
export function createCallValues(): ContextValues {
  return createContextValues().set(handlerFailed, { yes: false });
}

/** Notes that a handler failed, unless by what Connect threw while the handler read its requests. */
export const noteHandlerFailure: Interceptor = (next) => async (request) => {
  const connects = new Set<unknown>();
  const note = (error: unknown): never => {
    if (!connects.has(error)) request.contextValues.get(handlerFailed).yes = true;
    throw error;
  };
  const noteConnects = (error: unknown): never => {
    connects.add(error);
    throw error;
  };
  const watched = request.stream
    ? { ...request, message: tapErrors(request.message, noteConnects) }
    : request;
  const response = await next(watched).catch(note);
  return response.stream ? { ...response, message: tapErrors(response.message, note) } : response;
};

async function* tapErrors<Item>(items: AsyncIterable<Item>, tap: (error: unknown) => never) {
  try {
    yield* items;
  } catch (error) {
    tap(error);
  }
}

/** The error with a reason: Connect's own errors have none. */
function withReason(error: ConnectError): ConnectError {
  if (findErrorInfo(error) !== undefined) return error;
  const { code, rawMessage } = error;
  if (code === Code.Internal && rawMessage !== "internal error") {
    // What is not protobuf is the client's mistake. gRPC wants "internal" for what is wrong with the envelope.
    const mistake = rawMessage.startsWith("parse binary") ? Code.InvalidArgument : Code.Internal;
    return wireError(mistake, "REQUEST_MALFORMED", rawMessage);
  }
  if (code === Code.Unimplemented && rawMessage.startsWith("unknown compression")) {
    return wireError(code, "ENCODING_UNSUPPORTED", rawMessage);
  }
  if (code === Code.Unimplemented && rawMessage.startsWith("protocol error")) {
    return wireError(code, "REQUEST_MALFORMED", rawMessage);
  }
  return wireError(code, reasons[code] ?? "INTERNAL", rawMessage);
}

/** Gives every error of Connect's own that a response carries a reason, and reports all errors. */
export function withReasons(
  response: UniversalServerResponse,
  values: ContextValues,
  onError: (error: ConnectError) => void,
): UniversalServerResponse {
  const type = response.header?.get("content-type") ?? "";
  const { body, trailer } = response;
  function named(error: ConnectError): ConnectError {
    const result = values.get(handlerFailed).yes ? error : withReason(error);
    onError(result);
    return result;
  }

  if (body === undefined) return response;
  if (type.startsWith("application/grpc-web")) {
    return {
      ...response,
      body: mapLastEnvelope(body, trailerFlag, (data) => renameWebTrailers(data, named)),
    };
  }
  if (type.startsWith("application/grpc")) {
    return trailer === undefined ? response : { ...response, body: thenTrailers(body, trailer, named) };
  }
  if (type.startsWith("application/connect+")) {
    return {
      ...response,
      body: mapLastEnvelope(body, endStreamFlag, (data) => renameEndStream(data, named)),
    };
  }
  const isError = response.status !== 200 && type === "application/json";
  return isError && !response.header?.has("content-encoding") ? renameUnary(response, body, named) : response;
}

type Name = (error: ConnectError) => ConnectError;

async function* thenTrailers(body: AsyncIterable<Uint8Array>, trailer: Headers, named: Name) {
  yield* body;
  renameTrailers(trailer, named);
}

function renameTrailers(trailer: Headers, named: Name): void {
  const error = findTrailerError(trailer);
  if (error === undefined) return;
  const renamed = named(error);
  if (renamed !== error) setGrpcStatus(trailer, renamed);
}

function renameWebTrailers(data: Uint8Array, named: Name): Uint8Array {
  const trailer = trailerParse(data);
  renameTrailers(trailer, named);
  return trailerSerialize(trailer);
}

function renameEndStream(data: Uint8Array, named: Name): Uint8Array {
  const { metadata, error } = endStreamFromJson(data);
  if (error === undefined) return data;
  const renamed = named(error);
  return renamed === error
    ? data
    : Buffer.from(JSON.stringify(endStreamToJson(metadata, renamed, undefined)));
}

/** Connect's handlers yield each envelope as a chunk of its own. A compressed one stays as it is. */
async function* mapLastEnvelope(
  body: AsyncIterable<Uint8Array>,
  flag: number,
  map: (data: Uint8Array) => Uint8Array,
): AsyncGenerator<Uint8Array, void, undefined> {
  for await (const chunk of body) {
    if (chunk[0] === flag) yield encodeEnvelope(map(chunk.subarray(envelopeHeaderBytes)), flag);
    else yield chunk;
  }
}

function renameUnary(
  response: UniversalServerResponse,
  body: AsyncIterable<Uint8Array>,
  named: Name,
): UniversalServerResponse {
  const header = new Headers(response.header);
  header.delete("content-length");
  const renamed = { ...response, header, status: response.status };
  return Object.assign(renamed, { body: renameBody() });

  async function* renameBody(): AsyncGenerator<Uint8Array, void, undefined> {
    const [bytes] = await Array.fromAsync(body);
    const fallback = wireError(Code.Internal, "INTERNAL", "internal error");
    const error = errorFromJsonBytes(bytes ?? new Uint8Array(), undefined, fallback);
    const result = named(error);
    const json = result === error && bytes !== undefined ? bytes : errorToJsonBytes(result, undefined);
    // The headers go out with the first chunk.
    renamed.status = codeToHttpStatus(result.code);
    header.set("content-length", String(json.length));
    yield json;
  }
}
