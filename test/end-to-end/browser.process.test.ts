import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import type { Page } from "playwright-core";
import { describe, expect, onTestFinished, test } from "vitest";
import { lacksChromium, openChromium } from "../support/chromium.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

/** An empty page of an origin that is not the server's. */
async function openForeignPage(): Promise<{ page: Page; origin: string }> {
  const host = createServer((_request, response) => {
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html><title>foreign</title>");
  });
  host.listen(0, "127.0.0.1");
  await once(host, "listening");
  onTestFinished(() => void host.close());
  const origin = `http://localhost:${(host.address() as AddressInfo).port}`;
  const browser = await openChromium();
  const page = await browser.newPage();
  await page.goto(origin);
  return { page, origin };
}

async function start(...flags: readonly string[]): Promise<ServerProcess> {
  const server = await startServerProcess(["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

describe.skipIf(lacksChromium())("in Chromium", () => {
  test("a page of another origin writes nothing, with a preflight or without", async () => {
    const server = await start();
    const { page } = await openForeignPage();
    const api = `http://${server.address}`;
    const outcome = await page.evaluate(async (url) => {
      const body = JSON.stringify({ mutations: [{ put: { key: "a", value: "evil" } }] });
      // No preflight: a simple request whose response the page cannot see.
      const simple = await fetch(`${url}/v1/key:commit`, { method: "POST", mode: "no-cors", body });
      const rejected = await fetch(`${url}/v1/key/a`, { method: "PUT", body: "evil" }).catch(String);
      return [simple.type, rejected];
    }, api);
    expect(outcome).toEqual(["opaque", "TypeError: Failed to fetch"]);
    await page.setContent(`
      <form method="post" enctype="text/plain" action="${api}/v1/key:commit">
        <input name='{"mutations":[{"put":{"key":"a","value":"' value='"}}]}'><button>Send</button>
      </form>`);
    await page.click("button");
    await page.waitForURL(`${api}/**`);
    expect(await page.textContent("body")).toContain("ORIGIN_NOT_ALLOWED");
    expect((await fetch(`${api}/v1/key/a`)).status).toBe(404);
  });

  test("a page of a listed origin can write, read and watch, and read the headers that it needs", async () => {
    const { page, origin } = await openForeignPage();
    const server = await start("--cors-origin", origin);
    const outcome = await page.evaluate(async (url) => {
      const events = new EventSource(`${url}/v1/key:watch?prefix=a`);
      const event = (): Promise<unknown> =>
        new Promise((resolve, reject) => {
          events.addEventListener("message", ({ data }) => resolve(JSON.parse(data)), { once: true });
          events.addEventListener("error", () => reject(new Error("no events")), { once: true });
        });
      await event();
      const next = event();
      const put = await fetch(`${url}/v1/key/a`, {
        method: "PUT",
        body: "x",
        headers: { "if-none-match": "*" },
      });
      const conflict = await fetch(`${url}/v1/key/a`, { method: "PUT", headers: { "if-none-match": "*" } });
      const changes = await next;
      events.close();
      const get = await fetch(`${url}/v1/key/a`);
      const rpc = await fetch(`${url}/duetkv.v1.KeyValueService/Nothing`, {
        method: "POST",
        headers: { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "x-own": "metadata" },
        body: new Uint8Array(5),
      });
      return {
        put: [put.status, put.headers.get("etag"), put.headers.get("duetkv-revision")],
        conflict: [
          conflict.status,
          conflict.headers.get("etag"),
          ((await conflict.json()) as { code: string }).code,
        ],
        changes,
        get: [await get.text(), get.headers.get("etag")],
        rpc: [
          rpc.headers.get("grpc-status"),
          rpc.headers.get("grpc-message"),
          rpc.headers.has("grpc-status-details-bin"),
        ],
      };
    }, `http://${server.address}`);
    expect(outcome).toMatchObject({
      put: [201, '"1"', "1"],
      conflict: [412, '"1"', "already_exists"],
      changes: { events: [{ type: "PUT", entry: { key: "a", value: "x" } }] },
      get: ["x", '"1"'],
      rpc: ["12", "service duetkv.v1.KeyValueService has no method Nothing", true],
    });
  });

  test("a name that points at this machine reaches nothing", async () => {
    const server = await start();
    await fetch(`http://${server.address}/v1/key/secret`, { method: "PUT", body: "secret" });
    const browser = await openChromium("--host-resolver-rules=MAP rebound.example 127.0.0.1");
    const page = await browser.newPage();
    const response = await page.goto(`http://rebound.example:${server.address.split(":")[1]}/v1/key/secret`);
    expect(response?.status()).toBe(403);
    expect(await page.textContent("body")).toContain("HOST_NOT_ALLOWED");
  });
});
