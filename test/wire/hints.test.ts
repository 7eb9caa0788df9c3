import { describe, expect, test } from "vitest";
import { type Answer, ask, reasonOf, serve } from "./serve.ts";

function messageOf({ body }: Answer): string {
  return JSON.parse(body).message;
}

describe("a refusal over REST says what to write instead", () => {
  test.each([
    ["PUT", "/v1/key/a?ttl=60", '"ttl" must be a number of seconds with the unit s, such as 60s'],
    [
      "GET",
      "/v1/key?limit=5",
      /^unknown query parameter "limit"; the parameters are prefix, .*\bpage_size\b/,
    ],
    ["GET", "/v1/key?page_size=five", '"page_size" must be a whole number in range'],
    ["GET", "/v1/key?keys_only=yes", '"keys_only" must be true or false'],
    ["GET", "/v1/key/a?consistency=weak", /"consistency" must be one of .*\bLOCAL\b/],
    ["PUT", "/v1/key/a?expires=1", /the parameters are ttl, precondition\.revision, precondition\.exists/],
    ["GET", "/v1/key?prefix=a&prefix=b", '"prefix" is given twice or contradicts another parameter'],
  ])("%s %s", async (method, path, message) => {
    const { port } = await serve();
    const answer = await ask(port, method, path, method === "PUT" ? { body: "x" } : {});
    expect([answer.status, reasonOf(answer)]).toEqual([400, "REQUEST_MALFORMED"]);
    expect(messageOf(answer)).toEqual(
      typeof message === "string" ? `query parameter ${message}` : expect.stringMatching(message),
    );
  });

  test("an unknown path names the description of all paths", async () => {
    const { port } = await serve();
    const answer = await ask(port, "GET", "/v1/keys");
    expect([answer.status, reasonOf(answer)]).toEqual([404, "NO_SUCH_ROUTE"]);
    expect(messageOf(answer)).toContain("/v1/openapi.json");
  });
});

describe("the root of the port", () => {
  test("is a page that shows what there is", async () => {
    const { port } = await serve();
    const page = await ask(port, "GET", "/");
    expect([page.status, page.headers["content-type"]]).toEqual([200, "text/plain; charset=utf-8"]);
    expect(page.body).toContain("curl -X PUT");
    expect((await ask(port, "HEAD", "/")).body).toBe("");
    expect((await ask(port, "POST", "/")).status).toBe(404);
  });
});
