import { Code, createClient } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

async function start(): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

const services = ["", "duetkv.v1.KeyValueService", "writable"];

test.each([
  ["gRPC", createGrpcTransport],
  ["gRPC-Web", createGrpcWebTransport],
  ["Connect", createConnectTransport],
])("%s: Check, List and Watch tell the status of every service", async (_name, createTransport) => {
  const { address } = await start();
  const client = createClient(Health, createTransport({ baseUrl: `http://${address}`, httpVersion: "2" }));
  for (const service of services) {
    expect(await client.check({ service })).toMatchObject({ status: Status.SERVING });
    const stopped = new AbortController();
    for await (const message of client.watch({ service }, { signal: stopped.signal })) {
      expect(message).toMatchObject({ status: Status.SERVING });
      break;
    }
  }
  const { statuses } = await client.list({});
  expect(Object.keys(statuses).toSorted()).toEqual(services);
  await expect(client.check({ service: "no.such.Service" })).rejects.toMatchObject({ code: Code.NotFound });
  for await (const { status } of client.watch({ service: "no.such.Service" })) {
    expect(status).toBe(Status.SERVICE_UNKNOWN);
    break;
  }
});

test("at drain Watch sends NOT_SERVING first, then ends", async () => {
  const server = await start();
  const client = createClient(Health, createGrpcTransport({ baseUrl: `http://${server.address}` }));
  const messages = client.watch({ service: "" })[Symbol.asyncIterator]();
  expect((await messages.next()).value).toMatchObject({ status: Status.SERVING });
  const stopped = server.stop();
  expect((await messages.next()).value).toMatchObject({ status: Status.NOT_SERVING });
  await expect(messages.next()).rejects.toMatchObject({ code: Code.Unavailable });
  expect(await stopped).toBe(0);
});
