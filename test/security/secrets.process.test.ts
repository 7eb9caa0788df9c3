import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { Agent, request } from "node:https";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { exportJWK, generateKeyPair, SignJWT } from "jose";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { serverProgram } from "../support/server-program.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { makeToken } from "./serve.ts";

/** A process, and everything that it has written to stdout and stderr. */
function run(flags: readonly string[], environment: Readonly<Record<string, string>> = {}) {
  const common = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "debug"];
  const child = spawn(process.execPath, [serverProgram(), ...common, ...flags], {
    env: { ...process.env, ...environment },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const running = { child, output: "" };
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk) => {
      running.output += chunk;
    });
  return running;
}

const agent = new Agent({ rejectUnauthorized: false });

/** Sends a request. Resolves with the status; 0: there was no response. */
function send(
  port: number,
  method: string,
  path: string,
  headers: Readonly<Record<string, string>>,
  body = "",
): Promise<number> {
  return new Promise((resolve) => {
    const outgoing = request(
      { agent, host: "127.0.0.1", port, method, path, headers: { ...headers, connection: "close" } },
      (response) => response.resume().on("close", () => resolve(response.statusCode ?? 0)),
    );
    outgoing.on("error", () => resolve(0));
    outgoing.end(body === "" ? undefined : body);
  });
}

test("neither secrets nor values are in any log, whatever fails", async () => {
  const directory = await temporaryDirectory();
  const file = (name: string) => join(directory, name);
  const token = makeToken("ci", "ci");
  const guess = makeToken("ci").token;
  const { privateKey, publicKey } = await generateKeyPair("ES256");
  const jwk = { ...(await exportJWK(publicKey)), kid: "one" };
  await writeFile(file("keys.json"), JSON.stringify({ keys: [jwk] }));
  const sign = (exp: string) =>
    new SignJWT({ groups: ["sre"] })
      .setProtectedHeader({ alg: "ES256", kid: "one" })
      .setIssuer("https://id.example")
      .setAudience("duetkv")
      .setSubject("ann")
      .setExpirationTime(exp)
      .sign(privateKey);
  const jwt = await sign("10m");
  const expired = await sign("-10m");
  const issuer = {
    issuer: "https://id.example",
    audience: "duetkv",
    jwks: "keys.json",
    algorithms: ["ES256"],
  };
  const policy = {
    version: 1,
    roles: { ci: [{ prefix: "", allow: ["*"] }] },
    tokens: [token.entry],
    jwt: [{ ...issuer, roles: { claim: "groups", map: { sre: ["ci"] } } }],
  };
  await writeFile(file("policy.json"), JSON.stringify(policy));
  const pair = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    keyType: "ec",
  });
  await writeFile(file("tls.crt"), pair.cert);
  await writeFile(file("tls.key"), pair.private);
  const server = run(
    [
      `--log=file:${file("data")}`,
      `--policy=${file("policy.json")}`,
      "--audit=all",
      `--audit-file=${file("audit.json")}`,
      "--access-log=on",
      "--slow-call-log=1ms",
      `--tls-cert=${file("tls.crt")}`,
      `--tls-key=${file("tls.key")}`,
    ],
    {
      // Nobody is there.
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20otel-s3cret",
      OTEL_BSP_SCHEDULE_DELAY: "1",
    },
  );
  await until(() => server.output.includes('"msg":"ready"'));
  const port = Number(/"listen":"127\.0\.0\.1:(\d+)"/.exec(server.output)?.[1]);
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` });
  const json = { ...token.headers, "content-type": "application/json" };
  const value = "v4lue-secret";

  expect(await send(port, "PUT", "/v1/key/k", token.headers, value)).toBe(201);
  expect(await send(port, "GET", "/v1/key/k", bearer(jwt))).toBe(200);
  expect(await send(port, "GET", "/v1/key/k", bearer(guess))).toBe(401);
  expect(await send(port, "GET", "/v1/key/k", bearer(expired))).toBe(401);
  expect(await send(port, "GET", "/v1/key/k", bearer(`${jwt.slice(0, -4)}AAAA`))).toBe(401);
  expect(await send(port, "GET", "/v1/key/k", { authorization: "Basic basic-s3cret" })).toBe(401);
  expect(await send(port, "PUT", "/v1/key/k", json, `{"value": "${value}", }`)).toBe(400);
  expect(await send(port, "PUT", "/v1/key/k", json, `{"${value}": 1}`)).toBe(400);
  expect(await send(port, "PUT", "/v1/key/k", token.headers, value.repeat(100_000))).toBe(413);
  expect(await send(port, "PUT", "/v1/key/k", { ...token.headers, "if-match": '"99"' }, value)).toBe(412);
  expect(
    await send(
      port,
      "POST",
      "/v1/key:commit",
      json,
      `{"mutations": [{"put": {"key": "", "value": "${value}"}}]}`,
    ),
  ).toBe(400);
  expect(await send(port, "GET", `/v1/nowhere?token=${token.token}&x=${value}`, token.headers)).toBe(404);
  expect(
    await send(
      port,
      "POST",
      "/duetkv.v1.KeyValueService/Put",
      { ...token.headers, "content-type": "application/grpc" },
      value,
    ),
  ).toBeLessThan(600);
  await sendGrpc(port, token.headers.authorization, Buffer.from(`\0\0\0\0\x0c${value}`));
  await sendRaw(port, `GET /v1/key/k HTTP/1.1\r\nauthorization Bearer ${token.token}\r\n\r\n`);
  await sendRaw(port, `PUT /v1/key/k HTTP/1.1\r\nhost: x\r\ncontent-length: x${value}\r\n\r\n${value}`);

  // Files that cannot be used: keys for themselves, so that nothing else keeps them from being read.
  await writeFile(file("keys.json"), '{"keys": [{"kid": jwk-s3cret"');
  await until(() => server.output.includes("keys of a token issuer not read"));
  await writeFile(
    file("policy.json"),
    JSON.stringify({ ...policy, tokens: [{ ...token.entry, hash: "h4sh-s3cret" }] }),
  );
  await writeFile(file("tls.key"), pair.private.replace("BEGIN", "BEGIN k3y-s3cret"));
  server.child.kill("SIGHUP");
  for (const event of ["policy not reloaded", "TLS files refused", "spans could not be exported"])
    await until(() => server.output.includes(event));
  server.child.kill("SIGTERM");
  await once(server.child, "close");

  const audit = await readFile(file("audit.json"), "utf8");
  expect(audit).toContain('"TOKEN_EXPIRED"');
  expect(server.output).toContain('"slow call"');
  const keyLines = pair.private.split("\n").filter((line) => line.length > 40 || line.includes("s3cret"));
  const tokens = [token.token, guess, jwt, expired].flatMap((each) => [each, each.slice(-20)]);
  const hash = token.entry.hash.slice("sha256:".length);
  for (const secret of [...tokens, ...keyLines, hash, value, "s3cret", jwk.x as string]) {
    for (const log of [server.output, audit]) expect(log).not.toContain(secret);
  }
});

test("the password of the database is in no log and no error", async () => {
  // Asks for the password, and refuses it.
  const passwords: string[] = [];
  const database = createServer((socket) => {
    socket.on("data", (bytes) => {
      if (bytes[0] === "p".charCodeAt(0)) {
        passwords.push(bytes.toString());
        socket.end(postgresError("28P01", "password authentication failed"));
      } else if (bytes.readInt32BE(4) === 80877103) socket.write("N");
      else socket.write(Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]));
    });
    socket.on("error", () => {});
  });
  database.listen(0, "127.0.0.1");
  await once(database, "listening");
  onTestFinished(() => void database.close());
  const { port } = database.address() as AddressInfo;
  const server = run(["--log", `postgres://duet:pg-s3cret@127.0.0.1:${port}/kv?application_name=x`]);
  await once(server.child, "close");
  expect(passwords.join()).toContain("pg-s3cret");
  expect(server.output).toContain("password authentication failed");
  expect(server.output).not.toContain("s3cret");
});

function postgresError(code: string, message: string): Buffer {
  const fields = Buffer.from(`SFATAL\0C${code}\0M${message}\0\0`);
  const head = Buffer.alloc(5);
  head.write("E");
  head.writeInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

async function sendGrpc(port: number, authorization: string, body: Buffer): Promise<void> {
  const session = connectHttp2(`https://127.0.0.1:${port}`, { rejectUnauthorized: false });
  session.on("error", () => {});
  const stream = session.request({
    ":method": "POST",
    ":path": "/duetkv.v1.KeyValueService/Put",
    "content-type": "application/grpc",
    te: "trailers",
    authorization,
  });
  await closed(stream.end(body).resume());
  session.close();
}

async function sendRaw(port: number, text: string): Promise<void> {
  await closed(connectTls({ host: "127.0.0.1", port, rejectUnauthorized: false }).end(text).resume());
}

/** Resolves when a stream has ended, in whichever way: the server may cut off what it refuses. */
async function closed(stream: Duplex): Promise<void> {
  stream.on("error", () => {});
  await new Promise((resolve) => stream.on("close", resolve));
}
