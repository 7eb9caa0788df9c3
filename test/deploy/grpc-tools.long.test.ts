import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { generate } from "selfsigned";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { makeToken } from "../security/serve.ts";
import { goTool } from "../support/go-tool.ts";
import { hasPrograms } from "../support/programs.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const run = promisify(execFile);
let healthProbe: string;
let grpcurl: string;

async function startServer(...flags: string[]): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

/** Flags of a service with TLS, and the certificate that a client must trust. */
async function tlsFiles(): Promise<{ flags: string[]; ca: string }> {
  const directory = await temporaryDirectory();
  const [ca, key] = [join(directory, "tls.crt"), join(directory, "tls.key")];
  const pair = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    extensions: [{ name: "subjectAltName", altNames: [{ type: 7, ip: "127.0.0.1" }] }],
  });
  await writeFile(ca, pair.cert);
  await writeFile(key, pair.private);
  return { flags: ["--tls-cert", ca, "--tls-key", key], ca };
}

async function policyFlags(policy: object = { roles: {} }): Promise<string[]> {
  const path = join(await temporaryDirectory(), "policy.json");
  await writeFile(path, JSON.stringify({ version: 1, ...policy }));
  return ["--policy", path];
}

describe.skipIf(!hasPrograms("go"))("with the tools of gRPC", () => {
  beforeAll(async () => {
    healthProbe = await goTool("github.com/grpc-ecosystem/grpc-health-probe", "v0.4.62");
    grpcurl = await goTool("github.com/fullstorydev/grpcurl/cmd/grpcurl", "v1.9.4");
  }, 1_200_000);

  test("grpc-health-probe finds the service healthy, with and without policy and TLS", async () => {
    const { flags, ca } = await tlsFiles();
    const tls = ["-tls", `-tls-ca-cert=${ca}`];
    for (const [server, options] of [
      [await startServer(), []],
      [await startServer(...(await policyFlags())), []],
      [await startServer(...flags), tls],
      [await startServer(...flags, ...(await policyFlags())), tls],
    ] as const) {
      for (const service of ["", "duetkv.v1.KeyValueService", "writable"]) {
        const { stderr } = await run(healthProbe, [
          `-addr=${server.address}`,
          `-service=${service}`,
          ...options,
        ]);
        expect(stderr).toContain("SERVING");
        await run(healthProbe, [`-addr=${server.adminAddress}`, `-service=${service}`]);
      }
      await expect(run(healthProbe, [`-addr=${server.adminAddress}`, "-service=none"])).rejects.toThrow(
        "Command failed",
      );
    }
  });

  test("grpcurl lists services by reflection and calls them", async () => {
    const { flags, ca } = await tlsFiles();
    for (const [server, options] of [
      [await startServer(), ["-plaintext"]],
      [await startServer(...flags), ["-cacert", ca]],
    ] as const) {
      const call = async (...args: string[]) => (await run(grpcurl, [...options, ...args])).stdout;
      expect(await call(server.address, "list")).toContain("duetkv.v1.KeyValueService\n");
      const method = "duetkv.v1.KeyValueService/Put";
      const reply = await call("-d", '{"key":"a","value":"v"}', server.address, method);
      expect(JSON.parse(reply)).toMatchObject({ revision: "1" });
    }
  });

  test("with a token, both may do what its role allows, and nothing else", async () => {
    const { token, entry } = makeToken("app", "writer");
    const roles = { writer: [{ prefix: "cfg/", allow: ["read", "write"] }] };
    const { address } = await startServer(...(await policyFlags({ tokens: [entry], roles })));
    const put = ["-d", '{"key":"cfg/a","value":"v"}', address, "duetkv.v1.KeyValueService/Put"];
    for (const method of [[address, "list"], put])
      await expect(run(grpcurl, ["-plaintext", ...method])).rejects.toThrow("Unauthenticated");

    const header = ["-H", `authorization: Bearer ${token}`];
    const call = async (...args: string[]) => (await run(grpcurl, ["-plaintext", ...header, ...args])).stdout;
    expect(await call(address, "list")).toContain("duetkv.v1.KeyValueService\n");
    expect(JSON.parse(await call(...put))).toMatchObject({ revision: "1" });
    const other = put.map((arg) => arg.replace("cfg/a", "other"));
    await expect(call(...other)).rejects.toThrow("PermissionDenied");

    const { stderr } = await run(healthProbe, [`-addr=${address}`, `-rpc-header=${header[1]}`]);
    expect(stderr).toContain("SERVING");
  });
});
