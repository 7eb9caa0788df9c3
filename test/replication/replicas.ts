import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { createConfiguration } from "../../src/config/configuration.ts";
import { silentLogger } from "../../src/logging.ts";
import { openServer } from "../../src/server.ts";
import type { OtelConfiguration } from "../../src/telemetry/otel-configuration.ts";
import type { MemoryLogEngine } from "../support/memory-log-engine.ts";
import { closeIdleConnections, request } from "../support/rest-request.ts";
import { openLogger } from "../transaction-log/remote/loggers.ts";

/** Starts a replica in this process, on a log in memory, until the test is over. */
export async function startReplica(
  engine: MemoryLogEngine,
  flags: Readonly<Record<string, string>> = {},
  otel?: OtelConfiguration,
) {
  const free = { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" };
  const server = await openServer(
    createConfiguration({ ...free, ...flags }, {}),
    () => openLogger(engine),
    silentLogger,
    undefined,
    otel,
  );
  let closing: Promise<void> | undefined;
  const close = () => (closing ??= server.close());
  onTestFinished(async () => {
    closeIdleConnections();
    await close();
  });
  const address = `127.0.0.1:${server.address.port}`;
  const baseUrl = `${"tls-cert" in flags ? "https" : "http"}://${address}`;
  const transport = createGrpcTransport({ baseUrl, nodeOptions: { rejectUnauthorized: false } });
  return {
    address,
    close,
    client: createClient(KeyValueService, transport),
    /** Those that append, as this replica knows them. */
    async writers(): Promise<string[]> {
      const { replicas } = await createClient(StatusService, transport).getStatus({});
      return replicas.filter(({ writer }) => writer).map(({ id }) => id);
    },
    async storeId(): Promise<string> {
      return (await createClient(StatusService, transport).getStatus({})).storeId;
    },
    async replicas(): Promise<number> {
      return (await createClient(StatusService, transport).getStatus({})).replicas.length;
    },
    /** The sum of a counter. */
    async count(metric: string): Promise<number> {
      const { body } = await request(`http://127.0.0.1:${server.adminAddress.port}`, "GET", "/metrics");
      const samples = body.toString().matchAll(new RegExp(`^duetkv_${metric}(?:\\{.*\\})? (\\d+)$`, "gm"));
      return [...samples].reduce((sum, [, value]) => sum + Number(value), 0);
    },
  };
}
