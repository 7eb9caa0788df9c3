import type { IncomingMessage, ServerResponse } from "node:http";
import { setImmediate as endOfTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { gatherRequests } from "../../../src/wire/listener/http1/gathered-requests.ts";

function gathering() {
  const handled: string[] = [];
  const handle = gatherRequests(({ url }) => handled.push(url ?? ""));
  const come = (...urls: readonly string[]): object[] => {
    const requests = urls.map((url) => ({
      url,
      destroyed: false,
      headers: url === "body" ? { "content-length": "1" } : {},
    }));
    for (const request of requests) handle(request as IncomingMessage, {} as ServerResponse);
    return requests;
  };
  return { handled, come };
}

const sixteen = Array.from({ length: 16 }, (_, index) => `alone ${index}`);

test("requests that come alone are handed on at once, save one now and then", async () => {
  const { handled, come } = gathering();
  for (let round = 0; round < 3; round++) {
    come(...sixteen);
    expect(handled.splice(0)).toEqual(sixteen);
    come("probe");
    expect(handled).toEqual([]);
    await endOfTurn();
    expect(handled.splice(0)).toEqual(["probe"]);
  }
});

test("where several come together, those of a turn are handed on at its end, in order", async () => {
  const { handled, come } = gathering();
  come(...sixteen, "a", "b");
  await endOfTurn();
  expect(handled.splice(0)).toEqual([...sixteen, "a", "b"]);
  come("c", "d", "e");
  expect(handled).toEqual([]);
  await endOfTurn();
  expect(handled.splice(0)).toEqual(["c", "d", "e"]);
  come("f");
  await endOfTurn();
  come("g");
  expect(handled, "one came alone").toEqual(["f", "g"]);
});

test("a request with a body is handed on at once", async () => {
  const { handled, come } = gathering();
  come(...sixteen, "a", "body", "b");
  expect(handled.slice(16)).toEqual(["body"]);
  await endOfTurn();
  expect(handled.slice(16)).toEqual(["body", "a", "b"]);
});

test("requests whose client is gone at the end of the turn are left out", async () => {
  const { handled, come } = gathering();
  const [gone] = come(...sixteen, "gone", "there").slice(16);
  Object.assign(gone as object, { destroyed: true });
  await endOfTurn();
  expect(handled.slice(16)).toEqual(["there"]);
});
