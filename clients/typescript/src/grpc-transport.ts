import {
  type DescMethod,
  type DescMethodServerStreaming,
  type DescMethodUnary,
  fromJson,
  type JsonObject,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import type { Transport as Sender } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { KeyValueService } from "../../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../../gen/duetkv/v1/status_pb.ts";
import { Deadline } from "./deadline.ts";
import { createError } from "./errors.ts";
import { toDuetError } from "./grpc-error.ts";
import { GrpcSession } from "./grpc-session.ts";
import { LinkedController } from "./linked-controller.ts";
import type { Transport, TransportCall } from "./transport.ts";

/** PEM texts. */
export interface TlsOptions {
  /** The authorities that may have signed the certificate of the server. Default: those of Node. */
  readonly ca?: string;
  /** The certificate of the client, if the server asks for one. */
  readonly cert?: string;
  /** The private key of the certificate. */
  readonly key?: string;
}

interface Server {
  readonly session: GrpcSession;
  readonly sender: Sender;
}

const methods = new Map<string, DescMethod>(
  [KeyValueService, StatusService].flatMap((service) =>
    service.methods.map((method) => [`${service.typeName}/${method.name}`, method] as const),
  ),
);

/** gRPC over HTTP/2, with one connection for each server, which opens with the first call. */
export class GrpcTransport implements Transport {
  readonly #tls: TlsOptions;
  /** By URL. */
  readonly #servers = new Map<string, Server>();

  constructor(tls: TlsOptions = {}) {
    this.#tls = tls;
  }

  async unary(call: TransportCall): Promise<object> {
    const method = methods.get(call.method) as DescMethodUnary;
    const request = toRequest(method, call);
    const deadline = new Deadline(call);
    try {
      const { sender } = this.#serverOf(call.url);
      const timeoutMs = Math.ceil(call.timeoutMs);
      const response = await sender.unary(method, deadline.signal, timeoutMs, toHeaders(call), request);
      return toJson(method.output, response.message) as object;
    } catch (error) {
      throw deadline.errorOf(error) ?? toDuetError(error, call.url);
    } finally {
      deadline.end();
    }
  }

  async *stream(call: TransportCall): AsyncGenerator<object, void, undefined> {
    const method = methods.get(call.method) as DescMethodServerStreaming;
    const request = toRequest(method, call);
    const deadline = new Deadline(call);
    // Connect's iterator has no return: a stream that its reader leaves would go on.
    const left = new LinkedController(deadline.signal);
    try {
      const { sender } = this.#serverOf(call.url);
      const requests = single(request);
      // The time of a stream is only that to its first message.
      const response = await sender.stream(method, left.signal, undefined, toHeaders(call), requests);
      for await (const message of response.message) {
        deadline.clear();
        yield toJson(method.output, message) as object;
      }
    } catch (error) {
      throw deadline.errorOf(error) ?? toDuetError(error, call.url);
    } finally {
      left.abort();
      deadline.end();
    }
  }

  close(): void {
    for (const { session } of this.#servers.values()) session.abort();
  }

  #serverOf(url: string): Server {
    let server = this.#servers.get(url);
    if (server === undefined) {
      // Pings find a connection that is dead although nobody has closed it.
      const pings = { pingIntervalMs: 20_000, pingTimeoutMs: 10_000 };
      const session = new GrpcSession(url, pings, { ...this.#tls });
      server = { session, sender: createGrpcTransport({ baseUrl: url, sessionManager: session }) };
      this.#servers.set(url, server);
    }
    return server;
  }
}

/** Throws DuetError: as with JSON, where the service refuses it. */
function toRequest(method: DescMethod, { message }: TransportCall): Message {
  try {
    return fromJson(method.input, definedFields(message));
  } catch (error) {
    const details = { code: "invalid_argument", reason: "REQUEST_MALFORMED", outcome: "nothing" } as const;
    throw createError({ ...details, message: (error as Error).message }, error);
  }
}

/** As JSON.stringify, which leaves out what is undefined. */
function definedFields(message: object): JsonObject {
  return Object.fromEntries(Object.entries(message).filter(([, value]) => value !== undefined));
}

async function* single<Item>(message: Item): AsyncGenerator<Item, void, undefined> {
  yield message;
}

function toHeaders({ token }: TransportCall): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
