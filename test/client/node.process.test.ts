import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import {
  type Client,
  connect,
  type GrpcOptions,
  UnavailableError,
  UnknownOutcomeError,
} from "../../clients/typescript/src/node.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { patienceMs } from "./patience.ts";
import { startTcpProxy } from "./tcp-proxy.ts";

interface Pair {
  readonly cert: string;
  readonly private: string;
}

const addressName = 7;

async function start(...flags: string[]): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

function open(options: GrpcOptions): Client {
  const client = connect(options);
  onTestFinished(() => client.close());
  return client;
}

function issue(name: string, authority: Pair): Promise<Pair> {
  return generate([{ name: "commonName", value: name }], {
    algorithm: "sha256",
    keyType: "ec",
    ca: { key: authority.private, cert: authority.cert },
    extensions: [{ name: "subjectAltName", altNames: [{ type: addressName, ip: "127.0.0.1" }] }],
  });
}

interface MutualTls {
  readonly url: string;
  /** The certificate of the authority, as a file and as text. */
  readonly caFile: string;
  readonly ca: string;
  readonly own: Pair;
}

/** Starts a service that requires a client certificate. */
async function startMutualTls(): Promise<MutualTls> {
  const authority = await generate([{ name: "commonName", value: "authority" }], {
    algorithm: "sha256",
    keyType: "ec",
    extensions: [{ name: "basicConstraints", cA: true, critical: true }],
  });
  const own = await issue("client", authority);
  const served = await issue("server", authority);
  const directory = await temporaryDirectory();
  const flags: string[] = [];
  for (const [flag, content] of [
    ["--tls-cert", served.cert],
    ["--tls-key", served.private],
    ["--tls-client-ca", authority.cert],
  ] as const) {
    const file = join(directory, `${flag.slice(2)}.pem`);
    await writeFile(file, content);
    flags.push(flag, file);
  }
  const url = `https://${(await start(...flags)).address}`;
  return { url, caFile: join(directory, "tls-client-ca.pem"), ca: authority.cert, own };
}

test("certificates of both sides are checked", async () => {
  const { url, ca, own } = await startMutualTls();
  const client = open({ url, tls: { ca, cert: own.cert, key: own.private } });
  await client.put("k", "1");
  expect((await client.get("k"))?.value).toBe("1");
  const withoutCertificate = open({ url, tls: { ca }, timeoutMs: patienceMs });
  const refused = { name: "UnauthenticatedError", outcome: "nothing" };
  await expect(withoutCertificate.put("k", "2")).rejects.toMatchObject(refused);
  await expect(withoutCertificate.get("k")).rejects.toThrow('the server sent "certificate required"');
  await expect(withoutCertificate.watch()[Symbol.asyncIterator]().next()).rejects.toMatchObject(refused);
  const withoutAuthority = open({ url, retry: false, tls: { cert: own.cert, key: own.private } });
  await expect(withoutAuthority.get("k")).rejects.toThrow(UnavailableError);
});

test("calls and watches over fetch say that a client certificate may be required", async () => {
  const { url, caFile } = await startMutualTls();
  // A process of its own: Node reads the authorities that fetch trusts once.
  const program = `
    import { connect } from ${JSON.stringify(join(import.meta.dirname, "../../clients/typescript/src/index.ts"))};
    const interrupted = Promise.withResolvers();
    const client = connect({
      url: ${JSON.stringify(url)},
      timeoutMs: ${patienceMs},
      retry: { baseMs: 1, maxMs: 1 },
      onEvent: ({ type, error }) => type === "watch-interrupted" && interrupted.resolve({ state: watch.state, error }),
    });
    const watch = client.watch();
    const next = watch[Symbol.asyncIterator]().next();
    const { state, error } = await interrupted.promise;
    const calls = [client.get("k"), client.put("k", "2")];
    const failures = (await Promise.allSettled(calls)).map(({ reason }) => reason);
    await watch.close();
    const described = [error, ...failures].map(({ name, code, reason, outcome, message }) => [name, code, reason, outcome, message]);
    console.log(JSON.stringify({ state, described, last: await next }));
    await client.close();`;
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: caFile };
  const args = ["--input-type=module", "-e", program];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  const facts = ["unavailable", "TLS_CLOSED"];
  const message = `cannot reach ${url}: connection closed; is a client certificate required?`;
  expect(JSON.parse(stdout)).toEqual({
    state: "stale",
    described: [
      ["UnavailableError", ...facts, "nothing", message],
      ["UnavailableError", ...facts, "nothing", message],
      ["UnknownOutcomeError", ...facts, "unknown", message],
    ],
    last: { done: true },
  });
});

test("a call goes to the next address when one is gone or silent", async () => {
  const { address } = await start();
  const gone = await startTcpProxy(address);
  gone.close();
  const silent = await startTcpProxy(address);
  silent.hold();
  const client = open({ url: [gone.url, silent.url, `http://${address}`], timeoutMs: 6000 });
  expect(await client.put("k", "1")).toMatchObject({ version: 1 });
  expect((await client.get("k"))?.value).toBe("1");
});

test("nothing has happened when the connection is refused, and what happened is unknown when it is cut", async () => {
  const { address } = await start();
  const proxy = await startTcpProxy(address);
  const client = open({ url: proxy.url, retry: false, timeoutMs: 60_000 });
  await client.put("k", "1");
  proxy.hold();
  const call = client.put("k", "2");
  await proxy.received();
  proxy.cutAll();
  await expect(call).rejects.toThrow(UnknownOutcomeError);
  proxy.close();
  const refused: unknown = await client.put("k", "3").catch((error: unknown) => error);
  expect(refused).toBeInstanceOf(UnavailableError);
  expect(refused).toMatchObject({ outcome: "nothing" });
});

test("a deadline ends a call, and a stream that does not begin", async () => {
  const { address } = await start();
  const proxy = await startTcpProxy(address);
  proxy.hold();
  const client = open({ url: proxy.url, timeoutMs: 300 });
  const begin = performance.now();
  await expect(client.get("k")).rejects.toMatchObject({ name: "TimeoutError", outcome: "nothing" });
  const put: unknown = await client.put("k", "1").catch((error: unknown) => error);
  expect(put).toMatchObject({ name: "TimeoutError", outcome: "unknown" });
  const watch = client.watch();
  const next = watch[Symbol.asyncIterator]().next();
  await until(() => watch.state === "stale");
  await watch.close();
  await next;
  expect(performance.now() - begin).toBeLessThan(patienceMs / 2);
});
