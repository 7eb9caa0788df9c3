import type { DatabaseStatus } from "../database.ts";
import type { Metrics } from "./metrics.ts";
import type { HealthCheck, Readiness } from "./readiness.ts";

export interface AdminPagesOptions {
  readonly metrics: Pick<Metrics, "render" | "contentType">;
  readonly readiness: Pick<Readiness, "progress" | "checks">;
  /** Undefined until the log is replayed. */
  readonly state: () => Pick<DatabaseStatus, "revision" | "stateHash"> | undefined;
  readonly log: { error(fields: object, message: string): void };
}

/** The part of an HTTP exchange that pages need. */
interface PageExchange {
  readonly method: string;
  respond(status: number, headers: Record<string, string>, body: string): void;
}

interface PageTarget {
  readonly path: string;
  readonly query: string;
}

interface Page {
  readonly status: number;
  readonly body: string;
  readonly contentType?: string;
}

const indexPage = `Duet KV, probes and metrics:

  /livez         200 while the process runs, also during the replay of the log, whose progress it shows
  /readyz        200 while writes are accepted, or 503 and the reason
  /readyz/reads  200 while reads are served, or 503 and the reason
                 ?verbose lists the checks of each of the three
  /metrics       for Prometheus
  /state         revision and a hash of all entries, to compare replicas

The service grpc.health.v1.Health is on this port, too.
`;

/**
 * Serves probes, metrics, and `/state` to compare replicas. An unexpected error is logged and gets the response 500.
 */
export function createAdminPages({
  metrics,
  readiness,
  state,
  log,
}: AdminPagesOptions): (exchange: PageExchange, target: PageTarget) => void {
  const pages = new Map<string, (isVerbose: boolean) => Page | Promise<Page>>([
    ["/", () => ({ status: 200, body: indexPage })],
    ["/livez", (isVerbose) => livePage(readiness, isVerbose)],
    ["/readyz", (isVerbose) => readyPage(readiness.checks(), isVerbose)],
    [
      "/readyz/reads",
      (isVerbose) =>
        readyPage(
          readiness.checks().filter(({ forReads }) => forReads),
          isVerbose,
        ),
    ],
    [
      "/metrics",
      async () => ({ status: 200, body: await metrics.render(), contentType: metrics.contentType }),
    ],
    ["/state", () => statePage(state())],
  ]);

  async function respond(exchange: PageExchange, { path, query }: PageTarget): Promise<void> {
    const page = pages.get(path);
    if (page === undefined) {
      send(exchange, { status: 404, body: "unknown path; / lists all of them\n" });
    } else if (exchange.method !== "GET" && exchange.method !== "HEAD") {
      exchange.respond(405, { allow: "GET, HEAD" }, "");
    } else {
      send(exchange, await page(new URLSearchParams(query).has("verbose")));
    }
  }

  return (exchange, target) => {
    respond(exchange, target).catch((error: unknown) => {
      log.error({ err: error, path: target.path }, "admin request failed");
      send(exchange, { status: 500, body: "internal error\n" });
    });
  };
}

function send(
  exchange: PageExchange,
  { status, body, contentType = "text/plain; charset=utf-8" }: Page,
): void {
  exchange.respond(status, { "content-type": contentType, "cache-control": "no-store" }, body);
}

/** A process that is replaying the log is alive: a restart would only begin the replay again. */
function livePage({ progress }: Pick<Readiness, "progress">, isVerbose: boolean): Page {
  const body = isVerbose ? `[+] process: ${progress ?? "ok"}\n` : `${progress ?? "ok"}\n`;
  return { status: 200, body };
}

function readyPage(checks: readonly HealthCheck[], isVerbose: boolean): Page {
  const fault = checks.find((check) => check.fault !== undefined)?.fault;
  const lines = checks.map(
    (check) => `${check.fault === undefined ? "[+]" : "[-]"} ${check.name}: ${check.fault ?? "ok"}\n`,
  );
  return { status: fault === undefined ? 200 : 503, body: isVerbose ? lines.join("") : `${fault ?? "ok"}\n` };
}

function statePage(state: Pick<DatabaseStatus, "revision" | "stateHash"> | undefined): Page {
  if (state === undefined) return { status: 503, body: "replaying the log\n" };
  const { revision, stateHash: hash } = state;
  return { status: 200, body: `${JSON.stringify({ revision, hash })}\n`, contentType: "application/json" };
}
