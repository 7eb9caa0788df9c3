import type { IncomingMessage } from "node:http";
import type { Registry } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import type { Compression, UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Limits } from "../../limits.ts";
import type { Reason } from "../../reasons.ts";
import { bodyTooLarge } from "../body.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";
import type { ServiceRegistration } from "../method-table.ts";
import { refuseRpc } from "../refused-rpc.ts";
import { answerError } from "../rest/error-answer.ts";
import { parseConnectTimeout, parseGrpcTimeout } from "../timeouts.ts";
import { type OnError, wireError } from "../wire-error.ts";
import type { WireLog } from "../wire-log.ts";
import { createCallValues, noteHandlerFailure, withReasons } from "./error-reasons.ts";

export interface ConnectMountOptions {
  readonly services: readonly ServiceRegistration[];
  readonly limits: Limits;
  readonly registry: Registry;
  readonly shutdownSignal: AbortSignal;
  readonly log: WireLog;
  readonly onError: OnError;
}

/** Serves gRPC, gRPC-Web and Connect by Connect's own pipeline. `path` is one of the paths of the method table. */
export type ConnectMount = (
  request: HttpRequest,
  response: HttpResponse,
  path: string,
  query: string,
) => void;

// A page or an answer to BatchGet is bounded by the service; this only keeps a mistake from taking all memory.
const writeBytesMax = 64 * 1024 * 1024;

/**
 * Mounts the services on Connect. It is connectNodeAdapter in parts: that one throws on a Host which `new URL` does not
 * take, and prints to the console when a client leaves in the middle of a stream.
 */
export function createConnectMount(options: ConnectMountOptions): ConnectMount {
  const { log, onError } = options;
  const router = createConnectRouter({
    readMaxBytes: options.limits.requestBytesMax,
    writeMaxBytes: writeBytesMax,
    acceptCompression: [compressionGzip, compressionBrotli].map(blameClient),
    jsonOptions: { registry: options.registry, alwaysEmitImplicit: true, ignoreUnknownFields: false },
    shutdownSignal: options.shutdownSignal,
    interceptors: [noteHandlerFailure],
  });
  for (const { service, implementation } of options.services) router.service(service, implementation);
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((h) => [h.requestPath, h]));

  return (request, response, path, query) => {
    const handler = handlers.get(path);
    if (handler === undefined) throw new Error(`${path} is not mounted`);
    // The absolute form of a target would be resolved against the authority again.
    request.url = query === "" ? path : `${path}?${query}`;
    dropEndlessTimeouts(request);
    if (request.method === "GET" && !hasValidBase64(query)) {
      const error = wireError(Code.InvalidArgument, "REQUEST_MALFORMED", "message is not valid base64");
      onError(path, error);
      return answerError(request, response, error);
    }
    const values = createCallValues();
    let universalRequest: ReturnType<typeof universalRequestFromNodeRequest>;
    try {
      universalRequest = universalRequestFromNodeRequest(request, response as never, undefined, values);
      if (request.httpVersionMajor === 1) {
        universalRequest = { ...universalRequest, body: readAndDrop(request as IncomingMessage) };
      }
    } catch (error) {
      log.debug({ err: error }, "request refused: invalid target");
      const refusal = wireError(
        Code.InvalidArgument,
        "REQUEST_MALFORMED",
        "invalid Host header or request target",
      );
      onError(path, refusal);
      return refuseRpc(request, response, refusal);
    }
    handler(universalRequest)
      .then((answer) => {
        const refusal = refusals[answer.status];
        if (refusal !== undefined) {
          const error = wireError(refusal.code, refusal.reason, refusal.message);
          onError(path, error);
          const extra = answer.status === 405 ? { allow: handler.allowedMethods.join(", ") } : {};
          return answerError(request, response, error, answer.status, extra);
        }
        const named = withReasons(answer, values, (error) => onError(path, error));
        return universalResponseToNodeResponse(named, response as never);
      })
      .catch((error: unknown) => {
        // The peer has left or has reset the stream: nobody is there to be told, and it is no fault of ours.
        if (isGone(response) || ConnectError.from(error).code === Code.Aborted) return;
        log.error({ err: error, path }, "response could not be written");
        response.end();
      });
  };
}

/**
 * A body whose reader may leave early: the rest is read and dropped. Leaving a stream destroys it, as a rule, and Node
 * then never reads on, but keeps the connection: the next request on it would wait for ever.
 */
async function* readAndDrop(request: IncomingMessage): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    yield* request.iterator({ destroyOnReturn: false });
  } finally {
    request.resume();
  }
}

/** Whether the message of a GET is what it says: an error in base64 would be one of the server for Connect. */
function hasValidBase64(query: string): boolean {
  const parameters = new URLSearchParams(query);
  if (parameters.get("base64") !== "1") return true;
  // Both alphabets; padding may be left out.
  const digits = /^([\w+/-]*)={0,2}$/.exec(parameters.get("message") ?? "")?.[1];
  return digits !== undefined && digits.length % 4 !== 1;
}

/** Data that cannot be decompressed are the client's mistake, whatever zlib calls it. */
function blameClient(compression: Compression): Compression {
  const { name } = compression;
  return {
    name,
    compress: (bytes) => compression.compress(bytes),
    async decompress(bytes, readMaxBytes) {
      try {
        return await compression.decompress(bytes, readMaxBytes);
      } catch (error) {
        if (ConnectError.from(error).code === Code.ResourceExhausted) throw bodyTooLarge(readMaxBytes);
        throw wireError(Code.InvalidArgument, "REQUEST_MALFORMED", `the request is not valid ${name}`, error);
      }
    },
  };
}

/** What Connect refuses with a status alone. */
const refusals: Readonly<Record<number, { code: Code; reason: Reason; message: string }>> = {
  405: {
    code: Code.Unimplemented,
    reason: "METHOD_NOT_ALLOWED",
    message: "this RPC cannot be called by this HTTP method",
  },
  415: {
    code: Code.InvalidArgument,
    reason: "CONTENT_TYPE_UNSUPPORTED",
    message: "unsupported content type",
  },
  505: {
    code: Code.Unimplemented,
    reason: "HTTP_VERSION_UNSUPPORTED",
    message: "this protocol needs HTTP/2",
  },
};

/** Connect would give a timer more milliseconds than it can count, and the deadline would pass at once. */
function dropEndlessTimeouts(request: HttpRequest): void {
  const { headers } = request;
  if (parseGrpcTimeout(headers["grpc-timeout"]) === "endless") delete headers["grpc-timeout"];
  if (parseConnectTimeout(headers["connect-timeout-ms"]) === "endless") delete headers["connect-timeout-ms"];
}
