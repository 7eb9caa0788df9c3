import type { ConnectError } from "@connectrpc/connect";
import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";

/** Sets the trailers that say how a gRPC or gRPC-Web call ended, and those that the error carries. */
export function setGrpcStatus(trailers: Headers, error: ConnectError | undefined): Headers {
  setTrailerStatus(trailers, error);
  if (error !== undefined) trailers.set("grpc-message", encodeMessage(error.rawMessage));
  return trailers;
}

/**
 * The contract of gRPC encodes only percent signs and what is not printable ASCII. Connect encodes more, and clients that
 * decode no more than they must show "the key exists%2C at revision 1".
 */
function encodeMessage(message: string): string {
  return message.replaceAll(/[^\x20-\x24\x26-\x7e]+/g, encodeURIComponent);
}
