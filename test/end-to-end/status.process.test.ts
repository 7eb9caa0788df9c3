import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fromJsonString } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  GetIdentityResponseSchema,
  type GetStatusResponse,
  GetStatusResponseSchema,
  StatusService,
} from "../../gen/duetkv/v1/status_pb.ts";
import packageJson from "../../package.json" with { type: "json" };
import { verifySnapshot } from "../../src/cli/snapshot/verify.ts";
import { defaultLimits } from "../../src/limits.ts";
import { entryBytes } from "../../src/store/entry.ts";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const count = 2000;
const value = "x".repeat(500);

let server: ServerProcess;
let origin: string;
beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
  origin = `http://${server.address}`;
  for (let start = 0; start < count; start += 1000) {
    const mutations = Array.from({ length: 1000 }, (_, index) => ({
      put: { key: `k${start + index}`, value },
    }));
    const headers = { "content-type": "application/json" };
    await request(origin, "POST", "/v1/key:commit", headers, JSON.stringify({ mutations }));
  }
});
afterAll(() => server.stop());

interface StatusClient {
  status(): Promise<GetStatusResponse>;
  identity(): Promise<{ readonly name: string; readonly via: string; readonly grants: readonly unknown[] }>;
  snapshot(): AsyncIterable<Uint8Array>;
}

function connectClient(transport: Transport): StatusClient {
  const client = createClient(StatusService, transport);
  return {
    status: () => client.getStatus({}),
    identity: () => client.getIdentity({}),
    async *snapshot() {
      for await (const { data } of client.snapshot({})) yield data;
    },
  };
}

function restClient(): StatusClient {
  return {
    status: async () =>
      fromJsonString(GetStatusResponseSchema, (await request(origin, "GET", "/v1/status")).body.toString()),
    identity: async () =>
      fromJsonString(
        GetIdentityResponseSchema,
        (await request(origin, "GET", "/v1/identity")).body.toString(),
      ),
    async *snapshot() {
      yield (await request(origin, "GET", "/v1/snapshot")).body;
    },
  };
}

const clients: Readonly<Record<string, () => StatusClient>> = {
  gRPC: () => connectClient(createGrpcTransport({ baseUrl: origin })),
  "gRPC-Web": () => connectClient(createGrpcWebTransport({ baseUrl: origin, httpVersion: "1.1" })),
  "Connect binary": () => connectClient(createConnectTransport({ baseUrl: origin, httpVersion: "2" })),
  "Connect JSON": () =>
    connectClient(createConnectTransport({ baseUrl: origin, httpVersion: "1.1", useBinaryFormat: false })),
  REST: restClient,
};

for (const [name, open] of Object.entries(clients)) {
  test(`${name}: the status has what the server and its store are like`, async () => {
    const client = open();
    const status = await client.status();
    expect(status).toMatchObject({
      version: packageJson.version,
      storeId: expect.stringMatching(/^[0-9a-f]{16}$/),
      revision: 2n,
      oldestRevision: 0n,
      entries: BigInt(count),
      storeBytes: BigInt(
        Array.from({ length: count }, (_, i) => entryBytes(`k${i}`, value, 0)).reduce((a, b) => a + b),
      ),
      writable: true,
      fault: "",
      stateHash: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(status.limits["value_bytes_max"]).toBe(BigInt(defaultLimits.valueBytesMax));
    expect(Object.keys(status.limits)).toHaveLength(Object.keys(defaultLimits).length);
    const [replica, ...others] = status.replicas;
    expect(others).toEqual([]);
    expect(replica).toMatchObject({ revision: 2n, writer: true });
    expect(Math.abs(Number(replica?.seenTime?.seconds) - Date.now() / 1000)).toBeLessThan(600);
    const again = await client.status();
    expect(again.replicas[0]?.id).toBe(replica?.id);
    expect(again.callsPerSecond).toBeGreaterThan(0);
    expect(again.callP99Seconds).toBeGreaterThan(0);
    expect(again.callP99Seconds).toBeLessThanOrEqual(5);
  });

  test(`${name}: without a policy every caller is anonymous`, async () => {
    expect(await open().identity()).toMatchObject({ name: "", via: "anonymous", grants: [] });
  });

  test(`${name}: a snapshot holds the store, as its hash shows`, async () => {
    const client = open();
    const path = join(await temporaryDirectory(), "backup");
    await writeFile(path, client.snapshot());
    const { revision, entries, hash } = await verifySnapshot(path);
    const status = await client.status();
    expect([BigInt(revision), BigInt(entries), hash]).toEqual([
      status.revision,
      status.entries,
      status.stateHash,
    ]);
  });
}

test("REST sends a snapshot as bytes, and the revision with the status", async () => {
  const snapshot = await request(origin, "GET", "/v1/snapshot");
  expect(snapshot.headers).toMatchObject({
    "content-type": "application/octet-stream",
    "x-content-type-options": "nosniff",
  });
  expect(snapshot.body.subarray(0, 8).toString()).toBe("DuetKVlg");
  expect((await request(origin, "GET", "/v1/status")).headers["duetkv-revision"]).toBe("2");
});

test("metrics count the snapshots", async () => {
  const metrics = async () =>
    (await request(`http://${server.adminAddress}`, "GET", "/metrics")).body.toString();
  const before = Number(/duetkv_snapshots_total\{outcome="completed"\} (\d+)/.exec(await metrics())?.[1]);
  await request(origin, "GET", "/v1/snapshot");
  await until(async () =>
    expect(await metrics()).toContain(`duetkv_snapshots_total{outcome="completed"} ${before + 1}`),
  );
  const text = await metrics();
  expect(text).toContain("duetkv_snapshots 0");
  expect(Number(/duetkv_history_bytes (\d+)/.exec(text)?.[1])).toBeGreaterThan(0);
  expect(Number(/duetkv_snapshot_sent_bytes_total (\d+)/.exec(text)?.[1])).toBeGreaterThan(count * 500);
  expect(Number(/duetkv_snapshot_last_success_timestamp_seconds ([\d.]+)/.exec(text)?.[1])).toBeGreaterThan(
    1e9,
  );
});
