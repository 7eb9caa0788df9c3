import { expect, onTestFinished, test } from "vitest";
import { type AdminListenerOptions, openAdminListener } from "../../src/admin/admin-listener.ts";

test("/state has the revision and the hash of the store", async () => {
  const { url } = await open(() => ({ revision: 7, stateHash: "abc" }));
  expect(await (await fetch(`${url}/state`)).json()).toEqual({ revision: 7, hash: "abc" });
});

test("a request that fails gets 500, is logged, and leaves the others alone", async () => {
  const { url, errors } = await open(() => {
    throw new Error("on purpose");
  });
  expect((await fetch(`${url}/state`)).status).toBe(500);
  expect(errors).toEqual(["admin request failed"]);
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

type State = AdminListenerOptions["state"];

async function open(state: State): Promise<{ url: string; errors: string[] }> {
  const errors: string[] = [];
  const admin = await openAdminListener({
    address: { host: "127.0.0.1", port: 0 },
    metrics: { render: async () => "", contentType: "text/plain" },
    unready: () => undefined,
    state,
    log: { error: (_fields, message) => errors.push(message) },
  });
  onTestFinished(() => admin.close());
  return { url: `http://127.0.0.1:${admin.address.port}`, errors };
}

test("the root lists what the port serves, and an unknown path names the root", async () => {
  const { url } = await open(() => ({ revision: 0, stateHash: "" }));
  const page = await (await fetch(url)).text();
  for (const path of ["/livez", "/readyz", "/metrics", "/state"]) expect(page).toContain(path);
  const unknown = await fetch(`${url}/healthz`);
  expect([unknown.status, await unknown.text()]).toEqual([404, "unknown path; / lists all of them\n"]);
});
