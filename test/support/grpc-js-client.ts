import { create, type DescMethod, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt";
import { Code } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { type ChannelCredentials, Client, Metadata, type ServiceError } from "@grpc/grpc-js";
import { KeyValueService, type WatchResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { CallFailure, type KeyValueClient } from "./key-value-client.ts";

/** The gRPC implementation of the gRPC project: its own HTTP/2, framing, deadlines and status. */
export function createGrpcJsClient(address: string, credentials: ChannelCredentials): KeyValueClient {
  const client = new Client(address, credentials);
  const calls = KeyValueService.methods
    .filter(({ methodKind }) => methodKind === "unary")
    .map(
      (method) =>
        [method.localName, (request: Record<string, unknown>) => callUnary(client, method, request)] as const,
    );
  const unary = Object.fromEntries(calls) as unknown as Omit<KeyValueClient, "watch" | "close">;
  return {
    ...unary,
    async *watch(request, signal) {
      const { method } = KeyValueService;
      const { path, encode, decode } = codec(method.watch);
      const call = client.makeServerStreamRequest(path, encode, decode, create(method.watch.input, request));
      signal.addEventListener("abort", () => call.cancel());
      try {
        for await (const message of call) yield message as WatchResponse;
      } catch (error) {
        if (!signal.aborted) throw toCallFailure(error as ServiceError);
      }
    },
    close: () => client.close(),
  };
}

function codec(method: DescMethod) {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    encode: (message: Message) => Buffer.from(toBinary(method.input, message)),
    decode: (bytes: Buffer) => fromBinary(method.output, bytes),
  };
}

function callUnary(client: Client, method: DescMethod, request: Record<string, unknown>): Promise<Message> {
  const { path, encode, decode } = codec(method);
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      path,
      encode,
      decode,
      create(method.input, request),
      new Metadata(),
      (error, response) => {
        if (error !== null || response === undefined) reject(toCallFailure(error));
        else resolve(response);
      },
    );
  });
}

function toCallFailure(error: ServiceError | null): CallFailure {
  const [details] = error?.metadata.get("grpc-status-details-bin") ?? [];
  const status = fromBinary(StatusSchema, Buffer.from(details ?? []));
  const info = status.details.map((any) => anyUnpack(create(AnySchema, any), ErrorInfoSchema)).find(Boolean);
  const code = codeToString((error?.code ?? Code.Unknown) as Code);
  return new CallFailure(code, info?.reason ?? "", info?.metadata ?? {}, error);
}
