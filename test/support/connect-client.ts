import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { codeToString } from "@connectrpc/connect/protocol-connect";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { CallFailure, type KeyValueClient } from "./key-value-client.ts";

/** A client of Connect's own: gRPC, gRPC-Web or Connect, as the transport says. */
export function createConnectClient(transport: Transport, close: () => void = () => {}): KeyValueClient {
  const client = createClient(KeyValueService, transport);
  return {
    put: (request) => client.put(request).catch(fail),
    get: (request) => client.get(request).catch(fail),
    delete: (request) => client.delete(request).catch(fail),
    touch: (request) => client.touch(request).catch(fail),
    list: (request) => client.list(request).catch(fail),
    history: (request) => client.history(request).catch(fail),
    batchGet: (request) => client.batchGet(request).catch(fail),
    commit: (request) => client.commit(request).catch(fail),
    async *watch(request, signal) {
      try {
        yield* client.watch(request, { signal });
      } catch (error) {
        if (!signal.aborted) fail(error);
      }
    },
    close,
  };
}

/** Throws the failure in the words of the error table. */
function fail(error: unknown): never {
  const connectError = ConnectError.from(error, Code.Unknown);
  // gRPC details arrive as they were sent; findDetails decodes both kinds.
  const [info] = connectError.findDetails(ErrorInfoSchema);
  throw new CallFailure(codeToString(connectError.code), info?.reason ?? "", info?.metadata ?? {}, error);
}
