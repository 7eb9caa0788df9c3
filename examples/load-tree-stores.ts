import { Agent, request as httpRequest, type IncomingMessage } from "node:http";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { KeyValueService } from "../gen/duetkv/v1/key_value_pb.ts";

/** What the example needs of Duet KV, over either protocol. */
export interface TreeStore {
  put(key: string, content: Buffer, text: boolean): Promise<void>;
  /** undefined: there is no such key. */
  get(key: string): Promise<{ readonly bytes: Buffer; readonly text: boolean } | undefined>;
  /** All keys with this prefix, in order. */
  keys(prefix: string): Promise<readonly string[]>;
  close(): void;
}

/** The generated client. */
export function openGrpcStore(address: string): TreeStore {
  const baseUrl = `http://${address}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createClient(KeyValueService, createGrpcTransport({ baseUrl, sessionManager }));
  return {
    async put(key, content, text) {
      if (text) await client.put({ key, value: content.toString() });
      else await client.put({ key, bytesValue: new Uint8Array(content) });
    },
    async get(key) {
      try {
        const { entry } = await client.get({ key });
        const bytes = Buffer.from(entry?.bytesValue ?? Buffer.from(entry?.value ?? ""));
        return { bytes, text: entry?.value !== undefined };
      } catch (error) {
        if (error instanceof ConnectError && error.code === Code.NotFound) return undefined;
        throw error;
      }
    },
    async keys(prefix) {
      const keys: string[] = [];
      for (let pageToken = ""; ; ) {
        const page = await client.list({ prefix, keysOnly: true, pageToken });
        keys.push(...page.entries.map(({ key }) => key));
        pageToken = page.nextPageToken;
        if (pageToken === "") return keys;
      }
    },
    close: () => sessionManager.abort(),
  };
}

/** Plain HTTP: the body is the value. Node's own client, since fetch would fold dots in the path. */
export function openRestStore(address: string): TreeStore {
  const agent = new Agent({ keepAlive: true, maxSockets: 64 });

  async function ask(method: string, path: string, headers = {}, body?: Buffer) {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const request = httpRequest(`http://${address}`, { agent, method, path, headers }, resolve);
      request.on("error", reject).end(body);
    });
    const content = Buffer.concat(await response.toArray());
    const { statusCode = 0 } = response;
    if (statusCode >= 400 && statusCode !== 404) throw new Error(`${statusCode} ${content.toString()}`);
    return { status: statusCode, type: response.headers["content-type"], content };
  }

  return {
    async put(key, content, text) {
      const type = text ? "text/plain; charset=utf-8" : "application/octet-stream";
      await ask("PUT", target(key), { "content-type": type, "content-length": content.length }, content);
    },
    async get(key) {
      const { status, type, content } = await ask("GET", target(key));
      return status === 404 ? undefined : { bytes: content, text: type === "text/plain; charset=utf-8" };
    },
    async keys(prefix) {
      const keys: string[] = [];
      for (let pageToken = ""; ; ) {
        const query = new URLSearchParams({ prefix, keysOnly: "true", pageToken });
        const page = JSON.parse((await ask("GET", `/v1/key?${query.toString()}`)).content.toString());
        keys.push(...page.entries.map(({ key }: { key: string }) => key));
        pageToken = page.nextPageToken;
        if (pageToken === "") return keys;
      }
    },
    close: () => agent.destroy(),
  };
}

function target(key: string): string {
  return `/v1/key/${key.split("/").map(encodeURIComponent).join("/")}`;
}
