import { expect, test } from "vitest";
import { ask, serve } from "./serve.ts";

const files = new Map([
  ["index.html", Buffer.from("<!doctype html>")],
  ["main-A1B2.js", Buffer.from("export {};".repeat(200))],
]);

async function open() {
  const { port, failed } = await serve({ wire: { console: files } });
  const get = (path: string, headers = {}, method = "GET") => ask(port, method, path, { headers });
  return { get, failed };
}

test("the page of the console may run nothing but its own files, and is asked for again each time", async () => {
  const { get } = await open();
  const page = await get("/console/");
  expect(page.body).toBe("<!doctype html>");
  expect(page.headers).toMatchObject({
    "content-type": "text/html; charset=utf-8",
    "content-security-policy":
      "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; " +
      "frame-ancestors 'none'; base-uri 'none'; form-action 'none'; require-trusted-types-for 'script'",
    "cross-origin-opener-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-cache",
  });
});

test("files of the console are cached for good and compressed", async () => {
  const { get } = await open();
  const script = await get("/console/main-A1B2.js", { "accept-encoding": "gzip" });
  expect(script.headers).toMatchObject({
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "public, max-age=31536000, immutable",
    "content-encoding": "gzip",
  });
});

test("other paths and methods of the console are refused and counted", async () => {
  const { get, failed } = await open();
  expect((await get("/console")).headers).toMatchObject({ location: "console/" });
  expect((await get("/console/../v1/key/a")).status).toBe(404);
  expect((await get("/console/other.js")).status).toBe(404);
  const post = await get("/console/", {}, "POST");
  expect(post.status).toBe(405);
  expect(post.headers["allow"]).toBe("GET, HEAD");
  expect(failed).toEqual([
    ["", "NO_SUCH_ROUTE"],
    ["", "NO_SUCH_ROUTE"],
    ["", "METHOD_NOT_ALLOWED"],
  ]);
});

test("without a console there is no such path, and the page at the root does not name it", async () => {
  const without = await serve();
  expect((await ask(without.port, "GET", "/console/")).status).toBe(404);
  expect((await ask(without.port, "GET", "/")).body).not.toContain("/console/");
  expect((await (await open()).get("/")).body).toContain("/console/");
});
