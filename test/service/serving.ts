import {
  type Client,
  ConnectError,
  createClient,
  createRouterTransport,
  type ServiceImpl,
} from "@connectrpc/connect";
import { onTestFinished } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { type Database, openDatabase } from "../../src/database.ts";
import { defaultLimits, type Limits } from "../../src/limits.ts";
import { silentLogger } from "../../src/logging.ts";
import { intercept } from "../../src/service/intercept.ts";
import { createKeyValueService } from "../../src/service/key-value-service.ts";
import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";

export interface Serving {
  readonly client: Client<typeof KeyValueService>;
  readonly database: Database;
  readonly service: ServiceImpl<typeof KeyValueService>;
  /** Method and code of every call that has ended. */
  readonly calls: string[];
}

/** The service as clients see it, without a wire. */
export async function startServing(some: Partial<Limits> = {}): Promise<Serving> {
  const limits = { ...defaultLimits, ...some };
  const database = await openDatabase({
    logger: new MemoryTransactionLogger(),
    limits,
    log: silentLogger,
    watchHeartbeatMs: 3_600_000,
  });
  onTestFinished(() => database.close());
  const calls: string[] = [];
  const service = intercept(KeyValueService, createKeyValueService(database, limits), (method) => ({
    begin() {},
    end: (_context, _begun, _milliseconds, code) => void calls.push(`${method} ${code ?? "OK"}`),
  }));
  const transport = createRouterTransport(({ service: route }) => route(KeyValueService, service));
  return { client: createClient(KeyValueService, transport), database, service, calls };
}

/** "OK", or the reason of the failure. */
export function reasonOf(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => "OK",
    (error: unknown) => ConnectError.from(error).findDetails(ErrorInfoSchema)[0]?.reason ?? String(error),
  );
}
