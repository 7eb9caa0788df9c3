import type { IncomingMessage } from "node:http";
import type { Registry } from "@bufbuild/protobuf";
import { Code, ConnectError, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import {
  compressionBrotli,
  compressionGzip,
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import type { Limits } from "../../limits.ts";
import { type HttpRequest, type HttpResponse, isGone } from "../http-exchange.ts";
import type { ServiceRegistration } from "../method-table.ts";
import { parseConnectTimeout, parseGrpcTimeout } from "../timeouts.ts";
import type { WireLog } from "../wire-log.ts";

export interface ConnectMountOptions {
  readonly services: readonly ServiceRegistration[];
  readonly limits: Limits;
  readonly registry: Registry;
  readonly shutdownSignal: AbortSignal;
  readonly log: WireLog;
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
  const { log } = options;
  const router = createConnectRouter({
    readMaxBytes: options.limits.requestBytesMax,
    writeMaxBytes: writeBytesMax,
    acceptCompression: [compressionGzip, compressionBrotli],
    jsonOptions: { registry: options.registry, alwaysEmitImplicit: true, ignoreUnknownFields: false },
    shutdownSignal: options.shutdownSignal,
  });
  for (const { service, implementation } of options.services) router.service(service, implementation);
  const handlers = new Map<string, UniversalHandler>(router.handlers.map((h) => [h.requestPath, h]));

  return (request, response, path, query) => {
    const handler = handlers.get(path);
    if (handler === undefined) throw new Error(`${path} is not mounted`);
    // The absolute form of a target would be resolved against the authority again.
    request.url = query === "" ? path : `${path}?${query}`;
    dropEndlessTimeouts(request);
    let universalRequest: ReturnType<typeof universalRequestFromNodeRequest>;
    try {
      universalRequest = universalRequestFromNodeRequest(request, response as never, undefined, undefined);
      if (request.httpVersionMajor === 1) {
        universalRequest = { ...universalRequest, body: readAndDrop(request as IncomingMessage) };
      }
    } catch (error) {
      log.debug({ err: error }, "a request that Connect cannot take");
      response.writeHead(400);
      response.end();
      return;
    }
    handler(universalRequest)
      .then((answer) => universalResponseToNodeResponse(answer, response as never))
      .catch((error: unknown) => {
        // The peer has left or has reset the stream: nobody is there to be told, and it is no fault of ours.
        if (isGone(response) || ConnectError.from(error).code === Code.Aborted) return;
        log.error({ err: error, path }, "an RPC could not be answered");
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

/** Connect would give a timer more milliseconds than it can count, and the deadline would pass at once. */
function dropEndlessTimeouts(request: HttpRequest): void {
  const { headers } = request;
  if (parseGrpcTimeout(headers["grpc-timeout"]) === "endless") delete headers["grpc-timeout"];
  if (parseConnectTimeout(headers["connect-timeout-ms"]) === "endless") delete headers["connect-timeout-ms"];
}
