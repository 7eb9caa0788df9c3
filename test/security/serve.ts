import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { createConfiguration } from "../../src/config/configuration.ts";
import { type Logger, silentLogger } from "../../src/logging.ts";
import { createToken } from "../../src/security/token.ts";
import { openServer, type Server } from "../../src/server.ts";
import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import { closeIdleConnections } from "../support/rest-request.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

export interface SecuredServer {
  readonly server: Server;
  readonly origin: string;
  readonly admin: string;
  readonly policyPath: string;
  /** Overwrites the policy, and resolves when it is in force or refused. */
  readonly replacePolicy: (policy: object | string) => Promise<void>;
  /** What the audit has written. */
  readonly audit: readonly Record<string, unknown>[];
}

export interface SecuredServerOptions {
  readonly flags?: Readonly<Record<string, string>>;
  readonly log?: Logger;
}

/** A server under a policy, until the test is over. */
export async function serveSecured(
  policy: object | string,
  { flags = {}, log = silentLogger }: SecuredServerOptions = {},
): Promise<SecuredServer> {
  const policyPath = join(await temporaryDirectory(), "policy.json");
  const write = (content: object | string) =>
    writeFile(policyPath, typeof content === "string" ? content : JSON.stringify(content));
  await write(policy);
  const audit: Record<string, unknown>[] = [];
  const configuration = createConfiguration(
    { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0", policy: policyPath, ...flags },
    {},
  );
  const server = await openServer(
    configuration,
    async () => new MemoryTransactionLogger(),
    log,
    (line) => audit.push(JSON.parse(line) as Record<string, unknown>) > 0,
  );
  onTestFinished(async () => {
    closeIdleConnections();
    await server.close();
  });
  const scheme = flags["tls-cert"] === undefined ? "http" : "https";
  return {
    server,
    origin: `${scheme}://127.0.0.1:${server.address.port}`,
    admin: `http://127.0.0.1:${server.adminAddress.port}`,
    policyPath,
    audit,
    async replacePolicy(next) {
      await write(next);
      await server.reload();
    },
  };
}

/** A token of a policy, with the headers that send it. */
export interface TestToken {
  readonly token: string;
  readonly headers: { readonly authorization: string };
  /** Its entry in the policy. */
  readonly entry: {
    readonly id: string;
    readonly name: string;
    readonly hash: string;
    readonly roles: readonly string[];
  };
}

export function makeToken(name: string, ...roles: string[]): TestToken {
  const { id, token, hash } = createToken();
  return { token, headers: { authorization: `Bearer ${token}` }, entry: { id, name, hash, roles } };
}
