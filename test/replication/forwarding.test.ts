import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect } from "node:http2";
import { join } from "node:path";
import { ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { ForwardingService } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import { Peer } from "../../src/replication/peer.ts";
import { PeerProof } from "../../src/replication/peer-proof.ts";
import { type OtelConfiguration, readOtelConfiguration } from "../../src/telemetry/otel-configuration.ts";
import { messageCodec } from "../../src/wire/wire.ts";
import { reasonOf } from "../service/serving.ts";
import { MemoryLogEngine } from "../support/memory-log-engine.ts";
import { seed } from "../support/random.ts";
import { request } from "../support/rest-request.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { uuid7 } from "../support/uuid7.ts";
import { startCollector } from "../telemetry/collector.ts";
import { startReplica } from "./replicas.ts";

type Replica = Awaited<ReturnType<typeof startReplica>>;

const forwarded = "forwarded_operations_total";

/** Starts replicas, and waits until all but one of them forward. The writer comes first. */
async function startForwarding(
  count: number,
  flags?: Readonly<Record<string, string>>,
  otel?: OtelConfiguration,
): Promise<Replica[]> {
  const engine = new MemoryLogEngine(seed);
  const replicas: Replica[] = [];
  for (let index = 0; index < count; index++) replicas.push(await startReplica(engine, flags, otel));
  const writer = await untilOneWriter(replicas);
  return [writer, ...replicas.filter((replica) => replica !== writer)];
}

/** Waits until all replicas but one forward, and returns that one. */
async function untilOneWriter(replicas: readonly Replica[]): Promise<Replica> {
  let appending: readonly Replica[] = [];
  await until(async () => {
    const forwards = await Promise.all(
      replicas.map(async (replica) => {
        const before = await replica.count(forwarded);
        await replica.client.put({ key: "probe", value: "x" });
        return (await replica.count(forwarded)) > before;
      }),
    );
    appending = replicas.filter((_, index) => !forwards[index]);
    return appending.length === 1;
  });
  return appending[0] as Replica;
}

async function total(replicas: readonly Replica[], metric: string): Promise<number> {
  const counts = await Promise.all(replicas.map((replica) => replica.count(metric)));
  return counts.reduce((sum, count) => sum + count, 0);
}

test("one replica appends for all, and all of them name it", async () => {
  const [writer, ...others] = (await startForwarding(3)) as [Replica, Replica, Replica];
  for (const replica of [writer, ...others]) {
    expect(await replica.writers()).toEqual(await writer.writers());
    expect(await replica.writers()).toHaveLength(1);
  }
  // A replica that started first may have taken some before the writer was there.
  expect(await total([writer, ...others], "received_operations_total")).toBe(
    await total([writer, ...others], forwarded),
  );
});

test("a replica that forwarded a write finds it in its own store", async () => {
  const [, follower] = (await startForwarding(2)) as [Replica, Replica];
  for (let index = 0; index < 20; index++) {
    const { revision } = await follower.client.put({ key: "a", value: String(index) });
    const { entry } = await follower.client.get({ key: "a", consistency: Consistency.LOCAL });
    expect(entry).toMatchObject({ value: String(index), revision });
  }
});

test("a write has the same response through every replica", async () => {
  const responses = [];
  for (const index of [0, 1]) {
    const replicas = await startForwarding(2);
    const { client } = replicas[index] as Replica;
    const { revision } = await client.put({ key: "base" });
    /** Revisions, relative to the first. */
    const relative = (value: bigint | undefined) => Number((value ?? 0n) - revision);
    const wanted = { condition: { case: "revision" as const, value: revision } };
    const text = await client.put({ key: "text", value: "x", ttl: { seconds: 60n } });
    const bytes = await client.put({ key: "bytes", bytesValue: new Uint8Array(3) });
    const touched = await client.touch({ key: "text", ttl: { seconds: 90n, nanos: 1 } });
    const swapped = await client.put({ key: "base", value: "y", precondition: wanted });
    const failed = await reasonOf(client.put({ key: "base", value: "z", precondition: wanted }));
    const committed = await client.commit({
      checks: [{ key: "none", precondition: { condition: { case: "exists", value: false } } }],
      mutations: [
        { kind: { case: "put", value: { key: "c", value: "x" } } },
        { kind: { case: "delete", value: { key: "bytes" } } },
        { kind: { case: "delete", value: { key: "none" } } },
      ],
    });
    const none = await client.delete({ key: "none" });
    const missing = await reasonOf(client.touch({ key: "none", ttl: { seconds: 60n } }));
    const entries = await client.list({});
    responses.push([
      [text, bytes, touched, swapped].map(({ entry, revision: at }) => [
        relative(at),
        relative(entry?.revision),
        relative(entry?.createRevision),
        entry?.version,
        entry?.expireTime === undefined,
      ]),
      [failed, missing, none.deleted],
      committed.results.map(({ entry, deleted }) => [entry?.key, entry?.version, deleted]),
      entries.entries.map(({ key, value, bytesValue }) => [key, value, bytesValue]),
    ]);
  }
  expect(responses[1]).toEqual(responses[0]);
});

test("a request that is repeated through other replicas happens once", async () => {
  const replicas = await startForwarding(3);
  const requestId = uuid7(Date.now());
  const responses = [];
  for (const { client } of [...replicas, ...replicas]) {
    responses.push(await client.put({ key: "a", value: "x", requestId }));
  }
  expect(new Set(responses.map(({ revision }) => revision)).size).toBe(1);
  expect(responses.map(({ entry }) => entry?.version)).toEqual([1n, 1n, 1n, 1n, 1n, 1n]);
});

test("a call that is forwarded is one trace of both replicas", async () => {
  const { url, spans } = await startCollector();
  const environment = { OTEL_EXPORTER_OTLP_ENDPOINT: url, OTEL_BSP_SCHEDULE_DELAY: "10" };
  const [, follower] = (await startForwarding(2, {}, readOtelConfiguration(environment, "0"))) as [
    Replica,
    Replica,
  ];
  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const headers = { traceparent: `00-${traceId}-b7ad6b7169203331-01`, tracestate: "vendor=1" };
  await follower.client.put({ key: "a" }, { headers });
  const path = [
    "duetkv.v1.KeyValueService/Put",
    "forward",
    "duetkv.internal.v1.ForwardingService/Forward",
    "append",
  ];
  const found = () =>
    path.map((name) => spans.find((span) => span.traceId === traceId && span.name === name));
  await until(() => found().every((span) => span !== undefined));
  const [put, forward, received, append] = found();
  expect([forward?.parentSpanId, received?.parentSpanId, append?.parentSpanId]).toEqual([
    put?.spanId,
    forward?.spanId,
    received?.spanId,
  ]);
  expect(found().map((span) => span?.traceState)).toEqual(path.map(() => "vendor=1"));
  expect(forward).toMatchObject({ kind: 3, links: [{ traceId, spanId: put?.spanId }] });
});

test("when the writer stops, another replica appends, and no write fails", async () => {
  const [writer, ...others] = (await startForwarding(3)) as [Replica, Replica, Replica];
  const state = { done: false, writes: 0 };
  const writing = others.map(async ({ client }, index) => {
    while (!state.done) {
      await client.put({ key: `${index}`, value: String(state.writes++) });
      await new Promise((resolve) => setImmediate(resolve));
    }
  });
  await until(() => state.writes > 50);
  await writer.close();
  await untilOneWriter(others);
  state.done = true;
  await Promise.all(writing);
  const versions = await Promise.all(["0", "1"].map((key) => others[0].client.get({ key })));
  expect(versions.reduce((writes, { entry }) => writes + Number(entry?.version), 0)).toBe(state.writes);
});

test("no replica forwards without a secret when there is a policy", async () => {
  const policy = join(await temporaryDirectory(), "policy.json");
  const roles = { all: [{ prefix: "", allow: ["*"] }, { server: ["status"] }] };
  await writeFile(policy, JSON.stringify({ version: 1, roles, anonymous: ["all"] }));
  const engine = new MemoryLogEngine(seed);
  const replicas = [await startReplica(engine, { policy }), await startReplica(engine, { policy })];
  await until(async () => (await replicas[0]!.replicas()) === 2);
  expect(await replicas[0]!.writers()).toHaveLength(2);
  expect(await forwardTo(replicas[0]!.address)).toBe("NO_SUCH_METHOD");
});

test("a replica takes nothing from a caller that does not prove that it is one", async () => {
  const secrets = join(await temporaryDirectory(), "secret");
  await writeFile(secrets, "a secret of the replicas\n");
  const [writer] = (await startForwarding(2, { "peer-secret-file": secrets })) as [Replica];
  const { address } = writer;
  const received = await writer.count("received_operations_total");
  expect(await forwardTo(address)).toBe("CREDENTIALS_MISSING");
  const [replicaId = ""] = await writer.writers();
  const proof = await PeerProof.read(secrets);
  const subject = { storeId: await writer.storeId(), replicaId, time: Date.now() };
  for (const wrong of [{ storeId: "0" }, { replicaId: "0" }, { time: subject.time - 40_000 }]) {
    expect(await forwardTo(address, proof.headers({ ...subject, ...wrong }))).toBe("CREDENTIALS_MISSING");
  }
  expect(await writer.count("forwarding_denied_total")).toBe(4);
  // The proof is good; but the operations are for another store.
  expect(await forwardTo(address, proof.headers(subject))).toBe("REQUEST_MALFORMED");
  expect(await writer.count("received_operations_total")).toBe(received);
});

test("callers without a proof are counted, written down, and limited by their address", async () => {
  const directory = await temporaryDirectory();
  const [policy, secrets, audit] = ["policy.json", "secret", "audit"].map((name) => join(directory, name));
  const limits = [{ calls_per_second: 0.001, burst: 2 }];
  await writeFile(policy!, JSON.stringify({ version: 1, roles: {}, limits }));
  await writeFile(secrets!, "a secret of the replicas\n");
  const flags = { policy: policy!, "peer-secret-file": secrets!, audit: "denied", "audit-file": audit! };
  const replica = await startReplica(new MemoryLogEngine(seed), flags);
  const reasons = ["CREDENTIALS_MISSING", "CREDENTIALS_MISSING", "RATE_LIMITED"];
  for (const reason of reasons) expect(await forwardTo(replica.address)).toBe(reason);
  expect(await replica.count("auth_total")).toBe(3);
  await replica.close();
  const lines = (await readFile(audit!, "utf8")).trim().split("\n");
  expect(lines.map((line) => JSON.parse(line))).toMatchObject(
    reasons.map((reason) => ({ via: "replica", reason })),
  );
});

test("a running replica reads its secrets again", async () => {
  const secrets = join(await temporaryDirectory(), "secret");
  await writeFile(secrets, "the first secret of the replicas\n");
  const replica = await startReplica(new MemoryLogEngine(seed), {
    "peer-secret-file": secrets,
  });
  const [replicaId = ""] = await replica.writers();
  const subject = { storeId: await replica.storeId(), replicaId, time: Date.now() };
  const { address } = replica;
  const first = (await PeerProof.read(secrets)).headers(subject);
  // The proof is good; but the operations are for another store.
  expect(await forwardTo(address, first)).toBe("REQUEST_MALFORMED");
  await writeFile(secrets, "the second secret of the replicas\n");
  const second = (await PeerProof.read(secrets)).headers(subject);
  await until(async () => (await forwardTo(address, second)) === "REQUEST_MALFORMED");
  expect(await forwardTo(address, first)).toBe("CREDENTIALS_MISSING");
});

test("a caller without a proof is refused before its request is read, and over other protocols", async () => {
  const secrets = join(await temporaryDirectory(), "secret");
  await writeFile(secrets, "a secret of the replicas\n");
  const { address } = await startReplica(new MemoryLogEngine(seed), { "peer-secret-file": secrets });
  const path = "/duetkv.internal.v1.ForwardingService/Forward";
  const session = connect(`http://${address}`);
  onTestFinished(() => session.destroy());
  const headers = { ":method": "POST", ":path": path, "content-type": "application/grpc" };
  const stream = session.request(headers, { endStream: false });
  // The request does not end.
  stream.write(Buffer.from([0, 0, 1, 0, 0]));
  const [response] = await once(stream, "response");
  expect(response["grpc-status"]).toBe("16");
  const other = await request(
    `http://${address}`,
    "POST",
    path,
    { "content-type": "application/json" },
    "{}",
  );
  expect(other.body.toString()).toContain("NO_SUCH_METHOD");
});

test("replicas verify the name of --peer-tls-name where certificates lack their addresses", async () => {
  const directory = await temporaryDirectory();
  const name = "duetkv.shop.svc";
  const extensions = [
    { name: "basicConstraints", cA: true },
    { name: "subjectAltName", altNames: [{ type: 2, value: name }] },
  ];
  const options = { algorithm: "sha256", keyType: "ec", extensions } as Parameters<typeof generate>[1];
  const pair = await generate([{ name: "commonName", value: name }], options);
  const [cert, key] = ["tls.crt", "tls.key"].map((file) => join(directory, file)) as [string, string];
  await writeFile(cert, pair.cert);
  await writeFile(key, pair.private);
  const tls = { "tls-cert": cert, "tls-key": key, "tls-client-ca": cert, "tls-client-auth": "optional" };
  const [writer] = (await startForwarding(2, { ...tls, "peer-tls-name": name })) as [Replica];
  const { address } = writer;
  const tlsOptions = { ca: pair.cert };
  const now = () => Date.now();
  const peer = {
    id: "a",
    address,
    storeId: "0",
    codec: messageCodec,
    proof: PeerProof.none,
    now,
    tls: tlsOptions,
  };
  const cause = { cause: { code: "ERR_TLS_CERT_ALTNAME_INVALID" } };
  await expect(Peer.open(peer)).rejects.toMatchObject({ cause });
});

/** Forwards a put as a client that has found the method. Returns the reason of the error. */
async function forwardTo(address: string, headers: Readonly<Record<string, string>> = {}): Promise<string> {
  const client = createClient(ForwardingService, createGrpcTransport({ baseUrl: `http://${address}` }));
  const mutations = [{ kind: { case: "put" as const, value: { key: "stolen" } } }];
  const operations = [{ kind: { case: "commit" as const, value: { mutations } } }];
  return reasonOf(
    client.forward({ storeId: "0", operations }, { headers }).catch((error: unknown) => {
      throw ConnectError.from(error);
    }),
  );
}
