import { once } from "node:events";
import { createServer } from "node:net";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, it, onTestFinished } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../gen/health/v1/health_pb.ts";
import { createConfiguration } from "../src/config/configuration.ts";
import { type Logger, silentLogger } from "../src/logging.ts";
import { openServer } from "../src/server.ts";
import { MemoryTransactionLogger } from "../src/transaction-log/memory/memory-transaction-logger.ts";
import { until } from "./support/until.ts";
import { ask } from "./wire/serve.ts";

async function takenPort(): Promise<string> {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  return `127.0.0.1:${(taken.address() as { port: number }).port}`;
}

it.each(["listen", "admin-listen"])("a server whose --%s is taken leaves nothing open", async (flag) => {
  const free = { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" };
  const configuration = createConfiguration({ ...free, [flag]: await takenPort() }, {});
  const logger = new MemoryTransactionLogger();
  let opened = false;
  const openLogger = async () => {
    opened = true;
    return logger;
  };
  await expect(openServer(configuration, openLogger, silentLogger)).rejects.toMatchObject({
    code: "EADDRINUSE",
  });
  if (opened) await expect(logger.append(0, [])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  // The one that has taken the port.
  await until(() => openListeners() === 1);
});

function openListeners(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
}

class SlowLogger extends MemoryTransactionLogger {
  readonly replay = Promise.withResolvers<void>();

  override async *readTransactions(after: number) {
    const event = { type: "delete", key: "a", expired: false } as const;
    yield [{ sequence: 1, time: 1, events: [event], request: undefined }];
    await this.replay.promise;
    yield* super.readTransactions(after);
  }

  override async latestSequence(): Promise<number> {
    return 5;
  }
}

/** The line of the log that says where the admin port is. */
function adminAddress(): { log: Logger; address: Promise<string> } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const info = (fields: object) => {
    if ("admin" in fields) resolve(String(fields.admin));
  };
  return { log: { ...silentLogger, info }, address: promise };
}

it("the admin port serves probes, metrics and gRPC health while the log is replayed", async () => {
  const configuration = createConfiguration({ listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" }, {});
  const logger = new SlowLogger();
  const { log, address } = adminAddress();
  const opening = openServer(configuration, async () => logger, log);
  const url = `http://${await address}`;
  const health = createClient(Health, createGrpcTransport({ baseUrl: url }));
  const text = async (path: string) => (await fetch(`${url}${path}`)).text();
  await until(async () => (await text("/livez")) === "replaying the log: revision 1 of 5\n");
  expect(await text("/readyz")).toBe("replaying the log: revision 1 of 5\n");
  expect(await text("/metrics")).toContain('duetkv_ready{for="reads"} 0');
  expect(await health.check({})).toMatchObject({ status: Status.NOT_SERVING });

  logger.replay.resolve();
  const server = await opening;
  onTestFinished(() => server.close());
  expect(await text("/readyz")).toBe("ok\n");
  expect(await text("/metrics")).toContain('duetkv_ready{for="reads"} 1');
  expect(await health.check({ service: "writable" })).toMatchObject({ status: Status.SERVING });
});

it.each([
  ["127.0.0.1:0", {}, 403],
  ["127.0.0.1:0", { "allowed-hosts": "db.example" }, 200],
  // Probes and scrapers name a pod as they like, whatever clients must do.
  ["0.0.0.0:0", { "allowed-hosts": "localhost" }, 200],
])(
  "a request to the admin port at %s with %o that names db.example gets %i",
  async (listen, flags, status) => {
    const configuration = createConfiguration(
      { listen: "127.0.0.1:0", "admin-listen": listen, ...flags },
      {},
    );
    const server = await openServer(configuration, async () => new MemoryTransactionLogger(), silentLogger);
    onTestFinished(() => server.close());
    const { port } = server.adminAddress;
    expect((await ask(port, "GET", "/metrics", { headers: { host: "db.example:80" } })).status).toBe(status);
    expect((await ask(port, "GET", "/metrics")).status).toBe(200);
  },
);

it("a server that leaves fails its probes and still accepts connections and calls", async () => {
  const configuration = createConfiguration({ listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" }, {});
  const server = await openServer(configuration, async () => new MemoryTransactionLogger(), silentLogger);
  onTestFinished(() => server.close());
  server.leave();
  const admin = `http://127.0.0.1:${server.adminAddress.port}`;
  expect((await fetch(`${admin}/readyz/reads`)).status).toBe(503);
  const url = `http://127.0.0.1:${server.address.port}`;
  const health = createClient(Health, createGrpcTransport({ baseUrl: url }));
  expect(await health.check({})).toMatchObject({ status: Status.NOT_SERVING });
  expect((await fetch(`${url}/v1/key/a`, { method: "PUT", body: "1" })).status).toBe(201);
});
