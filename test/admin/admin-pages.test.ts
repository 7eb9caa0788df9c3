import { expect, test } from "vitest";
import { type AdminPagesOptions, createAdminPages } from "../../src/admin/admin-pages.ts";
import { Readiness } from "../../src/admin/readiness.ts";

interface Response {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string;
}

function open(options: Partial<AdminPagesOptions> = {}) {
  const errors: string[] = [];
  const pages = createAdminPages({
    metrics: { render: async () => "", contentType: "text/plain" },
    readiness: new Readiness(),
    state: () => ({ revision: 7, stateHash: "abc" }),
    log: { error: (_fields, message) => errors.push(message) },
    ...options,
  });
  const get = (target: string, method = "GET") =>
    new Promise<Response>((resolve) => {
      const [path = "", query = ""] = target.split("?");
      const respond = (status: number, headers: Record<string, string>, body: string) =>
        resolve({ status, headers, body });
      pages({ method, respond }, { path, query });
    });
  return { get, errors };
}

test("/state has the revision and the hash of the store, and 503 before there is one", async () => {
  const { body } = await open().get("/state");
  expect(JSON.parse(body)).toEqual({ revision: 7, hash: "abc" });
  expect((await open({ state: () => undefined }).get("/state")).status).toBe(503);
});

test("a page that fails responds with 500, is logged, and leaves the others alone", async () => {
  const { get, errors } = open({
    state() {
      throw new Error("on purpose");
    },
  });
  expect(await get("/state")).toMatchObject({ status: 500, body: "internal error\n" });
  expect(errors).toEqual(["admin request failed"]);
  expect((await get("/livez")).status).toBe(200);
});

test("the root lists what the port serves, an unknown path names the root, and only reads are allowed", async () => {
  const { get } = open();
  const { body } = await get("/");
  for (const path of ["/livez", "/readyz", "/readyz/reads", "/metrics", "/state"])
    expect(body).toContain(path);
  expect(await get("/healthz")).toMatchObject({ status: 404, body: "unknown path; / lists all of them\n" });
  expect(await get("/readyz", "POST")).toMatchObject({ status: 405, headers: { allow: "GET, HEAD" } });
});

test("during the replay the process is alive, shows its progress, and is not ready", async () => {
  const readiness = new Readiness();
  const { get } = open({ readiness });
  readiness.replaying(120);
  expect(await get("/livez")).toMatchObject({ status: 200, body: "replaying the log: revision 120\n" });
  readiness.replayEndsAt(500);
  const progress = "replaying the log: revision 120 of 500";
  expect(await get("/livez?verbose")).toMatchObject({ status: 200, body: `[+] process: ${progress}\n` });
  expect(await get("/readyz")).toMatchObject({ status: 503, body: `${progress}\n` });
  expect(await get("/readyz/reads")).toMatchObject({ status: 503, body: `${progress}\n` });
});

test("/readyz is about writes, /readyz/reads about reads, and ?verbose lists the checks of each", async () => {
  const readiness = new Readiness();
  const status = { fault: new Error("the disk is full"), followsLog: true, difference: undefined };
  readiness.open(() => status);
  const { get } = open({ readiness });
  expect(await get("/readyz")).toMatchObject({ status: 503, body: "the disk is full\n" });
  expect(await get("/readyz/reads")).toMatchObject({ status: 200, body: "ok\n" });
  expect(await get("/readyz?verbose")).toMatchObject({
    status: 503,
    body: `[+] running: ok
[+] replayed: ok
[-] log_writable: the disk is full
[+] log_followed: ok
[+] replicas_agree: ok
`,
  });
  expect((await get("/readyz/reads?verbose")).body).not.toContain("log_writable");
  readiness.drain();
  expect(await get("/readyz/reads")).toMatchObject({ status: 503, body: "draining\n" });
  expect(await get("/livez")).toMatchObject({ status: 200, body: "ok\n" });
});

test("a replica that does not follow the log, or differs, serves neither reads nor writes", () => {
  for (const fault of [{ followsLog: false }, { difference: "other replicas differ" }]) {
    const readiness = new Readiness();
    readiness.open(() => ({ fault: undefined, followsLog: true, difference: undefined, ...fault }));
    expect(readiness.readsFault()).toMatch(/follows|differ/);
    expect(readiness.writesFault()).toBe(readiness.readsFault());
  }
});
