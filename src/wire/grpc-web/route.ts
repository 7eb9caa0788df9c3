import type { CallOptions } from "../call/call.ts";
import { createRpcRoute, type RpcRoute } from "../call/rpc-route.ts";
import type { MethodEntry } from "../method-table.ts";
import type { Codecs, MessageCodec } from "../protobuf/codecs.ts";
import { textForm } from "./body-form.ts";
import { GrpcWebProtocol } from "./protocol.ts";

/** Serves the unary and server-streaming calls of gRPC-Web, binary and text. */
export function createGrpcWebRoute(
  methods: ReadonlyMap<string, MethodEntry>,
  codecs: Codecs,
  options: CallOptions,
): RpcRoute {
  const proto = protocolsOf("application/grpc-web+proto", codecs.binary);
  const text = protocolsOf("application/grpc-web-text+proto", codecs.binary);
  return createRpcRoute(
    {
      // The short form means protobuf. Responses have the long one.
      "application/grpc-web": proto,
      "application/grpc-web+proto": proto,
      "application/grpc-web+json": protocolsOf("application/grpc-web+json", codecs.json),
      "application/grpc-web-text": text,
      "application/grpc-web-text+proto": text,
    },
    methods,
    options,
  );
}

function protocolsOf(contentType: string, codec: MessageCodec): readonly GrpcWebProtocol[] {
  const form = contentType.includes("-text") ? textForm : undefined;
  return [
    new GrpcWebProtocol("unary", contentType, codec, form),
    new GrpcWebProtocol("server_streaming", contentType, codec, form),
  ];
}
