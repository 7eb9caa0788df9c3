import { writeFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { CallError } from "../../src/cli/client/call-error.ts";
import { Client } from "../../src/cli/client/client.ts";
import { encodeEnvelope } from "../../src/cli/client/envelope.ts";
import { followWatch } from "../../src/cli/client/follow-watch.ts";
import { describeCallError } from "../../src/cli/describe-call-error.ts";
import type { ClientSettings } from "../../src/cli/settings.ts";
import { TokenFile } from "../../src/cli/token-file.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

/** Starts a server whose responses are made by these functions, one after the other. Returns its address. */
async function start(...responders: ((response: ServerResponse) => void)[]): Promise<URL> {
  const server = createServer((request, response) => {
    request.resume().once("end", () => responders.shift()?.(response));
  });
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return new URL(`http://127.0.0.1:${(server.address() as { port: number }).port}`);
}

function fail(status: number, code: string, reason: string) {
  const details = [{ type: "google.rpc.ErrorInfo", debug: { reason } }];
  return (response: ServerResponse) =>
    void response.writeHead(status).end(JSON.stringify({ code, message: reason, details }));
}

const cut = (response: ServerResponse) => void response.destroy();
const exists = fail(409, "already_exists", "KEY_EXISTS");

/** Opens a client that has a minute for each call. */
function open(
  settings: Pick<ClientSettings, "servers"> & Partial<ClientSettings>,
  onRetry?: (error: CallError) => void,
): Client {
  const defaults = { tokenFile: new TokenFile(undefined), tls: {}, timeoutMs: 60_000 };
  const client = new Client({ ...defaults, ...settings }, onRetry);
  onTestFinished(() => client.close());
  return client;
}

async function write(...servers: [URL, ...URL[]]): Promise<CallError> {
  const client = open({ servers });
  const error: unknown = await client.write("Put", { key: "k" }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(CallError);
  return error as CallError;
}

test.each([
  fail(403, "permission_denied", "RIGHT_MISSING"),
  fail(401, "unauthenticated", "TOKEN_EXPIRED"),
  (response: ServerResponse) => void response.writeHead(404).end("<h1>not found</h1>"),
])("a write that may have happened is not undone by a repeat that is refused unseen", async (refuse) => {
  const { details } = await write(await start(cut, refuse));
  expect(details.outcome).toBe("unknown");
});

test("a write did not happen if the server that may have carried it out says so", async () => {
  expect((await write(await start(cut, exists))).details).toMatchObject({
    reason: "KEY_EXISTS",
    outcome: "nothing",
  });
  expect((await write(await start(cut), await start(exists))).details.outcome).toBe("unknown");
});

test("a failure of TLS says what to change", async () => {
  /** Why the first server is left for another one. */
  async function leave(server: URL) {
    const errors: CallError[] = [];
    const servers = [server, await start(exists)] as const;
    const client = open({ servers }, (error) => errors.push(error));
    await expect(client.write("Put", { key: "k" })).rejects.toMatchObject({
      details: { reason: "KEY_EXISTS" },
    });
    return describeCallError(errors[0] as CallError).details;
  }

  const plain = await start();
  plain.protocol = "https:";
  const notTls = await leave(plain);
  expect(notTls).toMatchObject({ reason: "TLS_FAILED", outcome: "unavailable" });
  expect(notTls.message).toBe(`cannot use TLS with ${plain.origin}: the server does not use it`);
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    keyType: "ec",
  });
  const tls = createTlsServer({ cert, key });
  onTestFinished(() => void tls.close());
  await new Promise<void>((resolve) => tls.listen(0, "127.0.0.1", resolve));
  const { port } = tls.address() as { port: number };
  const unknown = await leave(new URL(`https://127.0.0.1:${port}`));
  expect(unknown.message).toBe(`cannot use TLS with https://127.0.0.1:${port}: self-signed certificate`);
  expect(unknown.advice).toContain("--cacert");
});

test("a server that requires a certificate says so", async () => {
  const { cert, private: key } = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    keyType: "ec",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 2, value: "localhost" }] }],
  });
  const server = createTlsServer({ cert, key, ca: cert, requestCert: true });
  onTestFinished(() => void server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const servers = [new URL(`https://localhost:${port}`)] as const;
  const client = open({ servers, tls: { ca: Buffer.from(cert) } });
  const error: unknown = await client.write("Put", { key: "k" }).catch((reason: unknown) => reason);
  const { reason, outcome, message, advice } = describeCallError(error as CallError).details;
  expect({ reason, outcome }).toEqual({ reason: "CERTIFICATE_REFUSED", outcome: "denied" });
  expect(message).toContain("certificate required");
  expect(advice).toContain("--cert");
});

test("a server that is not of the service is named as the mistake", async () => {
  const error = await write(await start((response) => void response.writeHead(404).end("<h1>")));
  const { reason, advice, outcome } = describeCallError(error).details;
  expect({ reason, outcome }).toEqual({ reason: "UNIMPLEMENTED", outcome: "failed" });
  expect(advice).toContain("--server");
});

test("a token that was replaced in its file is used once the service refuses the old one", async () => {
  const path = join(await temporaryDirectory(), "token");
  writeFileSync(path, "old");
  const tokenFile = new TokenFile(path);
  const refused = fail(401, "unauthenticated", "TOKEN_EXPIRED");
  const seen: (string | undefined)[] = [];
  /** Responds by the token of each request. */
  const server = await start(
    ...Array.from({ length: 6 }, () => (response: ServerResponse) => {
      const token = response.req.headers.authorization?.replace("Bearer ", "");
      seen.push(token);
      if (token !== "new") refused(response);
      else if (response.req.url?.endsWith("Watch") === true) response.end(encodeEnvelope('{"revision":"1"}'));
      else response.end("{}");
    }),
  );
  const client = open({ servers: [server], tokenFile });
  const denied = { details: { reason: "TOKEN_EXPIRED", outcome: "nothing" } };
  await expect(client.write("Put", { key: "k" })).rejects.toMatchObject(denied);
  writeFileSync(path, "two words");
  await expect(client.write("Put", { key: "k" })).rejects.toMatchObject(denied);
  writeFileSync(path, "new\n");
  await client.write("Put", { key: "k" });
  expect(seen).toEqual(["old", "old", "old", "new"]);

  writeFileSync(path, "old");
  const watching = open({ servers: [server], tokenFile: new TokenFile(path) });
  writeFileSync(path, "new");
  for await (const { revision } of followWatch(watching, { key: "k" }, () => {})) {
    expect(revision).toBe("1");
    break;
  }
  expect(seen.slice(4)).toEqual(["old", "new"]);
});

test("the clock of the server is that of its last response", async () => {
  const hourMs = 3_600_000;
  const server = await start((response) => {
    response.setHeader("date", new Date(Date.now() + hourMs).toUTCString()).end("{}");
  });
  const client = open({ servers: [server] });
  expect(client.serverTimeMs).toBeLessThan(Date.now() + hourMs / 2);
  await client.read("Get", { key: "k" });
  expect(client.serverTimeMs).toBeGreaterThan(Date.now() + hourMs / 2);
});
