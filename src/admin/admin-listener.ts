import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Address } from "../config/values.ts";
import type { DatabaseStatus } from "../database.ts";
import type { Metrics } from "./metrics.ts";

export interface AdminListenerOptions {
  readonly address: Address;
  readonly metrics: Pick<Metrics, "render" | "contentType">;
  readonly state: () => Pick<DatabaseStatus, "revision" | "stateHash">;
  /** Why the server is not ready; undefined when it is. Sent as it is. */
  readonly unready: () => string | undefined;
  readonly log: { error(fields: object, message: string): void };
}

export interface AdminListener {
  /** Where it really listens. */
  readonly address: Address;
  close(): Promise<void>;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

const indexPage = `Duet KV, probes and metrics:

  /livez    200 while the process runs
  /readyz   200 while writes are accepted, or 503 and the reason
  /metrics  for Prometheus
  /state    revision and a hash of all entries, to compare replicas
`;

/**
 * Opens the port for probes and scrapers: plain HTTP, no client certificate. `/livez`, `/readyz`,
 * `/metrics`, and `/state`, by which replicas can be compared.
 */
export async function openAdminListener({
  address,
  metrics,
  unready,
  state,
  log,
}: AdminListenerOptions): Promise<AdminListener> {
  const routes: Partial<Record<string, () => Promise<Answer>>> = {
    "/": async () => ({ status: 200, body: indexPage }),
    "/livez": async () => ({ status: 200, body: "ok\n" }),
    "/readyz": async () => {
      const reason = unready();
      return reason === undefined ? { status: 200, body: "ok\n" } : { status: 503, body: `${reason}\n` };
    },
    "/state": async () => {
      const { revision, stateHash: hash } = state();
      const body = `${JSON.stringify({ revision, hash })}\n`;
      return { status: 200, body, contentType: "application/json" };
    },
    "/metrics": async () => ({ status: 200, body: await metrics.render(), contentType: metrics.contentType }),
  };

  async function answer({ url = "", method }: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = routes[url.split("?", 1)[0] as string];
    if (route === undefined) {
      const body = "unknown path; / lists all of them\n";
      const type = "text/plain; charset=utf-8";
      response.writeHead(404, { "content-type": type, "content-length": Buffer.byteLength(body) }).end(body);
    } else if (method !== "GET" && method !== "HEAD") {
      response.writeHead(405, { allow: "GET, HEAD" }).end();
    } else {
      const { status, body, contentType = "text/plain; charset=utf-8" } = await route();
      response.writeHead(status, { "content-type": contentType, "content-length": Buffer.byteLength(body) });
      response.end(body);
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      log.error({ err: error, url: request.url }, "admin request failed");
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  server.listen(address.port, address.host);
  await once(server, "listening");
  const { address: host, port } = server.address() as AddressInfo;
  return {
    address: { host, port },
    async close() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
