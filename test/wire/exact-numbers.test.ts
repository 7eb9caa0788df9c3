import { expect, test } from "vitest";
import { ask, reasonOf, serve } from "./serve.ts";

const json = { "content-type": "application/json" };
const commit = (revision: string): string =>
  `{"checks":[{"key":"a","precondition":{"revision":${revision}}}],"mutations":[]}`;

test.each([
  ["/v1/key:commit", commit("9007199254740993")],
  ["/v1/key:commit", commit("9007199254740992")],
  ["/v1/key:commit", commit("-9007199254740993")],
  ["/v1/key:commit", commit("1e17")],
  ["/duetkv.v1.KeyValueService/Get", '{"key":"a","minRevision":9007199254740993}'],
  ["/duetkv.v1.KeyValueService/Get", '{"key":"a","min_revision":9007199254740993}'],
])("a JSON number of 64 bits that may have lost digits is refused: %s %s", async (path, body) => {
  const { port, memory } = await serve();
  const answer = await ask(port, "POST", path, { headers: json, body });
  expect([answer.status, reasonOf(answer)]).toEqual([400, "NUMBER_INEXACT"]);
  expect(memory.requests).toEqual([]);
});

test.each(["9007199254740991", '"9007199254740993"', "0", "null"])(
  "a revision of %s is taken",
  async (revision) => {
    const { port } = await serve();
    const answer = await ask(port, "POST", "/v1/key:commit", { headers: json, body: commit(revision) });
    expect(answer.status).toBe(200);
  },
);

test("large numbers elsewhere are not meant", async () => {
  const { port } = await serve();
  const body = '{"value":"9007199254740993","ttl":"9007199254740993s"}';
  const answer = await ask(port, "PUT", "/v1/key/a", { headers: json, body });
  // The duration itself is not one.
  expect(answer.body).not.toContain("NUMBER_INEXACT");
});
