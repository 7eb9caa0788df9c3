import { expect, onTestFinished, test } from "vitest";
import { openAdminListener } from "../../src/admin/admin-listener.ts";

test("requests for /state that come together share one walk over the entries", async () => {
  const walk = Promise.withResolvers<typeof state>();
  let walks = 0;
  const { url } = await open(() => (walks++ === 0 ? walk.promise : Promise.resolve(state)));
  const together = Array.from({ length: 40 }, () => fetch(`${url}/state`));
  // Every one of them has come in when a request that was sent later is answered.
  for (let probe = 0; probe < 50; probe++) await fetch(`${url}/livez`);
  walk.resolve(state);
  for (const response of await Promise.all(together)) expect(await response.json()).toEqual(state);
  expect(walks).toBe(1);
  expect((await fetch(`${url}/state`)).status).toBe(200);
  expect(walks).toBe(2);
});

const state = { revision: 7, hash: "abc" };

test("a request that fails gets 500, is logged, and leaves the others alone", async () => {
  const { url, errors } = await open(() => Promise.reject(new Error("on purpose")));
  expect((await fetch(`${url}/state`)).status).toBe(500);
  expect(errors).toEqual(["admin request failed"]);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

async function open(hashState: () => Promise<typeof state>): Promise<{ url: string; errors: string[] }> {
  const errors: string[] = [];
  const admin = await openAdminListener({
    address: { host: "127.0.0.1", port: 0 },
    metrics: { render: async () => "", contentType: "text/plain" },
    unready: () => undefined,
    hashState,
    log: { error: (_fields, message) => errors.push(message) },
  });
  onTestFinished(() => admin.close());
  return { url: `http://127.0.0.1:${admin.address.port}`, errors };
}

test("the root lists what the port serves, and an unknown path names the root", async () => {
  const { url } = await open(async () => state);
  const page = await (await fetch(url)).text();
  for (const path of ["/livez", "/readyz", "/metrics", "/state"]) expect(page).toContain(path);
  const unknown = await fetch(`${url}/healthz`);
  expect([unknown.status, await unknown.text()]).toEqual([404, "unknown path; / lists all of them\n"]);
});
