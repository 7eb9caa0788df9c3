/** connectNodeAdapter on node:http2 with Duet KV's handlers. Argument: the data directory. */
import { createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { openHandlers, sayReady } from "./handlers.ts";

const handlers = await openHandlers(process.argv[2] as string);
const routes = connectNodeAdapter({ routes: (router) => void router.service(KeyValueService, handlers) });
const server = createServer({ settings: { maxConcurrentStreams: 4096 } }, routes);
server.listen(0, "127.0.0.1", () => sayReady((server.address() as AddressInfo).port));
