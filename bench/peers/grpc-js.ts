/** @grpc/grpc-js with Duet KV's handlers. Argument: the data directory. */
import { create, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import {
  type handleUnaryCall,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type sendUnaryData,
} from "@grpc/grpc-js";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { openHandlers, sayReady } from "./handlers.ts";

type Handler = (request: Message, context: object) => Promise<Message>;

const handlers = (await openHandlers(process.argv[2] as string)) as unknown as Record<string, Handler>;
const context = { timeoutMs: () => undefined, signal: new AbortController().signal, span: undefined };
const definition: Record<string, object> = {};
const implementation: Record<string, handleUnaryCall<Message, Message>> = {};
for (const method of KeyValueService.methods) {
  if (method.methodKind !== "unary") continue;
  definition[method.localName] = {
    path: `/${KeyValueService.typeName}/${method.name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (message: Message) => Buffer.from(toBinary(method.input, message)),
    requestDeserialize: (bytes: Buffer) => fromBinary(method.input, bytes),
    responseSerialize: (init: Message) => Buffer.from(toBinary(method.output, create(method.output, init))),
    responseDeserialize: (bytes: Buffer) => fromBinary(method.output, bytes),
  };
  const handler = handlers[method.localName] as Handler;
  async function answer(request: Message, callback: sendUnaryData<Message>): Promise<void> {
    try {
      callback(null, await handler(request, context));
    } catch (error) {
      callback(error as Error);
    }
  }
  implementation[method.localName] = (call, callback) => void answer(call.request, callback);
}
const server = new Server({ "grpc.max_concurrent_streams": 4096 });
server.addService(definition as ServiceDefinition, implementation);
server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  sayReady(port);
});
