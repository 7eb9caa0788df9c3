import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { onTestFinished } from "vitest";

/**
 * What happens to a request. `lose`: it does not reach the server, the connection is cut. `cut`: the server carries it out,
 * and the connection is cut before the response. `double`: the server gets it twice, and the client the second response.
 * `hold`: nothing is sent back.
 */
export type Fault = "pass" | "lose" | "cut" | "double" | "hold";

export interface FaultProxy {
  readonly url: string;
  /** Methods that have been called, in order: `Put`. */
  readonly calls: readonly string[];
  /** Decides on each request. Default: all pass. */
  decide: (method: string, call: number) => Fault;
  /** Cuts all connections, streams in the middle. */
  cutAll(): void;
  /** Nothing is passed to the clients of streams any more; their connections stay. */
  freeze(): void;
  close(): void;
}

/** Starts an HTTP/1.1 proxy in front of HOST:PORT, until the test is over. */
export async function startFaultProxy(upstream: string): Promise<FaultProxy> {
  const [host, port] = upstream.split(":") as [string, string];
  const calls: string[] = [];
  const streams = new Set<IncomingMessage>();

  async function forward(incoming: IncomingMessage, body: Buffer): Promise<IncomingMessage> {
    const { method, url: path, headers } = incoming;
    const outgoing = request({ host, port, method, path, headers: { ...headers, host: upstream } });
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    return response;
  }

  async function handle(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const method = incoming.url?.split("/").at(-1) ?? "";
    const body = await buffer(incoming);
    const fault = proxy.decide(method, calls.push(method) - 1);
    if (fault === "hold") return;
    if (fault === "lose") {
      outgoing.destroy();
      return;
    }
    if (fault === "double") await buffer(await forward(incoming, body));
    const response = await forward(incoming, body);
    if (outgoing.destroyed) {
      response.destroy();
      return;
    }
    if (fault === "cut") {
      await buffer(response);
      outgoing.destroy();
      return;
    }
    outgoing.writeHead(response.statusCode ?? 500, response.headers);
    streams.add(response);
    response.once("close", () => streams.delete(response));
    outgoing.once("close", () => response.destroy());
    response.on("error", () => outgoing.destroy());
    response.pipe(outgoing);
  }

  const server = createServer((incoming, outgoing) => {
    handle(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    decide: () => "pass",
    cutAll: () => server.closeAllConnections(),
    freeze: () => {
      for (const stream of streams) stream.unpipe();
    },
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  onTestFinished(() => proxy.close());
  return proxy;
}
