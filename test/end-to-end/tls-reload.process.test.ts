import { mkdir, rename, symlink, writeFile } from "node:fs/promises";
import { Agent, request } from "node:https";
import { join } from "node:path";
import { connect } from "node:tls";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

/** A client that is turned away sees an alert or just the end, as the bytes happen to fall. */
const turnedAway = /alert|ECONNRESET|hang up|EPIPE|disconnected/;

interface Pair {
  readonly private: string;
  readonly cert: string;
}

const createPair = (name: string): Promise<Pair> =>
  generate([{ name: "commonName", value: name }], { algorithm: "sha256" });

async function writePair(directory: string, { cert, private: key }: { cert: string; private: string }) {
  await writeFile(join(directory, "tls.crt"), cert);
  await writeFile(join(directory, "tls.key"), key);
}

async function start(directory: string, ...flags: string[]): Promise<ServerProcess> {
  const files = ["--tls-cert", join(directory, "tls.crt"), "--tls-key", join(directory, "tls.key")];
  const server = await startServerProcess(["--log", "memory:", ...files, ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

/** The common name of the certificate that a new connection sees. */
function servedName({ address }: ServerProcess, options: object = {}): Promise<string> {
  const [host, port] = address.split(":") as [string, string];
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, ...options }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

async function metricsOf({ adminAddress }: ServerProcess): Promise<string> {
  return (await fetch(`http://${adminAddress}/metrics`)).text();
}

test("loads a new pair during calls, without a failed call or a closed connection", async () => {
  const directory = await temporaryDirectory();
  await writePair(directory, await createPair("pair-0"));
  const server = await start(directory);
  const grpc = createClient(
    KeyValueService,
    createGrpcTransport({ baseUrl: `https://${server.address}`, nodeOptions: { rejectUnauthorized: false } }),
  );
  const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
  const stopped = new AbortController();
  let calls = 0;
  let opened = 0;
  /** One kept connection of each version, and new connections all the time. */
  const load = [
    async () => void (await grpc.put({ key: "a", value: "1" })),
    () => getWith(server, agent, () => opened++),
    () => getWith(server, new Agent({ rejectUnauthorized: false }), () => {}),
  ].map(async (call) => {
    while (!stopped.signal.aborted) {
      await call();
      calls++;
    }
  });
  for (let round = 1; round <= 3; round++) {
    await writePair(directory, await createPair(`pair-${round}`));
    await until(async () => (await servedName(server)) === `pair-${round}`);
  }
  const before = calls;
  await until(() => calls > before + 10);
  stopped.abort();
  await Promise.all(load);
  expect(opened).toBe(1);
  agent.destroy();
  expect(await metricsOf(server)).toMatch(/duetkv_tls_reloads_total\{outcome="loaded"\} [3-9]/);
});

function getWith({ address }: ServerProcess, agent: Agent, onConnect: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const sent = request(`https://${address}/v1/key`, { agent }, (response) => {
      response
        .resume()
        .on("end", () => (response.statusCode === 200 ? resolve() : reject(new Error("failed"))));
    });
    sent.on("socket", (socket) => socket.connecting && onConnect());
    sent.on("error", reject).end();
  });
}

test("a mismatched pair is refused, logged and counted; SIGHUP loads the next one at once", async () => {
  const directory = await temporaryDirectory();
  const [first, second] = await Promise.all([createPair("first"), createPair("second")]);
  await writePair(directory, first);
  const server = await start(directory);
  await writePair(directory, { cert: second.cert, private: first.private });
  process.kill(server.pid, "SIGHUP");
  const refusals = () => server.lines.filter((line) => line.includes("TLS files refused")).length;
  await until(() => refusals() > 0);
  expect(await servedName(server)).toBe("first");
  expect(await metricsOf(server)).toMatch(/duetkv_tls_reloads_total\{outcome="refused"\} [1-9]/);
  expect(server.lines.join("")).not.toContain("PRIVATE KEY");

  await writePair(directory, second);
  process.kill(server.pid, "SIGHUP");
  await until(async () => (await servedName(server)) === "second");
  const [, expiry] = /duetkv_certificate_expiry_timestamp_seconds\{use="server"\} (\S+)/.exec(
    await metricsOf(server),
  ) as unknown as [string, string];
  // selfsigned makes them for a year.
  expect(Number(expiry) / 86_400 - Date.now() / 86_400_000).toBeCloseTo(365, -1);
  expect(await server.stop()).toBe(0);
});

test("loads files behind a swapped link, as Kubernetes updates a Secret; a new client CA is used at once", async () => {
  const directory = await temporaryDirectory();
  const [old, next] = await Promise.all([createPair("old"), createPair("next")]);
  for (const pair of [old, next]) {
    const version = join(directory, pair === old ? "v1" : "v2");
    await mkdir(version);
    await writePair(version, pair);
    await writeFile(join(version, "ca.crt"), pair.cert);
  }
  await symlink("v1", join(directory, "data"));
  const server = await start(join(directory, "data"), "--tls-client-ca", join(directory, "data", "ca.crt"));
  const call = ({ cert, private: key }: Pair) =>
    getWith(server, new Agent({ rejectUnauthorized: false, cert, key }), () => {});
  await call(old);
  await expect(call(next)).rejects.toThrow(turnedAway);

  await symlink("v2", join(directory, "data-next"));
  await rename(join(directory, "data-next"), join(directory, "data"));
  await until(async () => (await servedName(server, { cert: next.cert, key: next.private })) === "next");
  await call(next);
  await expect(call(old)).rejects.toThrow(turnedAway);
});

test("--tls-client-auth optional accepts clients without a certificate, and refuses those with a foreign one", async () => {
  const directory = await temporaryDirectory();
  const [pair, foreign] = await Promise.all([createPair("server"), createPair("foreign")]);
  await writePair(directory, pair);
  await writeFile(join(directory, "ca.crt"), pair.cert);
  const auth = ["--tls-client-ca", join(directory, "ca.crt"), "--tls-client-auth", "optional"];
  const server = await start(directory, ...auth);
  await getWith(server, new Agent({ rejectUnauthorized: false }), () => {});
  const own = { cert: pair.cert, key: pair.private };
  await getWith(server, new Agent({ rejectUnauthorized: false, ...own }), () => {});
  const others = { cert: foreign.cert, key: foreign.private };
  const refused = getWith(server, new Agent({ rejectUnauthorized: false, ...others }), () => {});
  await expect(refused).rejects.toThrow(turnedAway);
  expect(await metricsOf(server)).toContain(
    'duetkv_connections_ended_total{reason="client_certificate_refused"} 1',
  );
});

test("--tls-min-version 1.3 refuses TLS 1.2, which is spoken by default", async () => {
  const directory = await temporaryDirectory();
  await writePair(directory, await createPair("server"));
  const old = { maxVersion: "TLSv1.2" };
  expect(await servedName(await start(directory), old)).toBe("server");
  await expect(servedName(await start(directory, "--tls-min-version", "1.3"), old)).rejects.toThrow(
    turnedAway,
  );
});
