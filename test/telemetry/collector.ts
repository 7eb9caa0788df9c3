import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly traceState?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly { key: string; value: { stringValue?: string; intValue?: string } }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
  readonly status: { readonly code?: number };
}

export interface Collector {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  readonly resources: unknown[];
  readonly headers: IncomingHttpHeaders[];
}

/** A collector that takes OTLP over HTTP in JSON. `status`: what it responds with. */
export async function startCollector(status = 200): Promise<Collector> {
  const collector = {
    url: "",
    spans: [] as ReceivedSpan[],
    resources: [] as unknown[],
    headers: [] as IncomingHttpHeaders[],
  };
  const server = createServer((request, response) => {
    void (async () => {
      const { resourceSpans } = JSON.parse(Buffer.concat(await request.toArray()).toString());
      collector.headers.push(request.headers);
      for (const { resource, scopeSpans } of resourceSpans) {
        collector.resources.push(resource);
        for (const { spans } of scopeSpans) collector.spans.push(...spans);
      }
      response
        .writeHead(request.url === "/v1/traces" ? status : 404, { "content-type": "application/json" })
        .end("{}");
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  collector.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return collector;
}
