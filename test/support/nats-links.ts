import type { NatsCluster } from "./nats.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

/** How a network link fails. */
export const linkFailures: Readonly<Record<string, (link: TcpProxy) => void>> = {
  "is cut": (link) => link.cut(),
  "takes no requests": (link) => link.freeze("requests"),
  "returns no responses": (link) => link.freeze("responses"),
  "is silent": (link) => link.freeze("both"),
};

/** The links of one client to each server. */
export interface ClientLinks {
  readonly links: readonly TcpProxy[];
  /** The URL of the log `name` through them. */
  url(name: string): string;
  close(): Promise<void>;
}

export async function linkClient({ nodes }: NatsCluster): Promise<ClientLinks> {
  const links = await Promise.all(nodes.map(({ client }) => startTcpProxy(Number(client.split(":")[1]))));
  return {
    links,
    url: (name) => `nats://${links.map(({ port }) => `127.0.0.1:${port}`).join()}/${name}`,
    async close() {
      for (const link of links) await link.close();
    },
  };
}

/** How a server fails to reach the others of its cluster. */
export type Isolation = "is cut off" | "hears nothing" | "says nothing" | "is silent";

/** The links over which the servers of a cluster reach each other. Give `routePort` to `startNats`. */
export class ServerLinks {
  readonly #links: { readonly from: number; readonly to: number; readonly link: TcpProxy }[] = [];

  readonly routePort = async (from: number, to: number, port: number): Promise<number> => {
    const link = await startTcpProxy(port);
    this.#links.push({ from, to, link });
    return link.port;
  };

  /** Separates a server from the others. Clients still reach it, and it may take itself for a leader for a while. */
  isolate(server: number, how: Isolation): void {
    for (const { from, link } of this.#linksOf(server)) {
      if (how === "is cut off") link.cut();
      else if (how === "is silent") link.freeze("both");
      // Either server may have opened the connection.
      else link.freeze((how === "says nothing") === (from === server) ? "requests" : "responses");
    }
  }

  restore(server: number): void {
    for (const { link } of this.#linksOf(server)) link.restore();
  }

  async close(): Promise<void> {
    for (const { link } of this.#links) await link.close();
  }

  #linksOf(server: number) {
    return this.#links.filter(({ from, to }) => from === server || to === server);
  }
}
