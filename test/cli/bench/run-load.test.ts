import { expect, test } from "vitest";
import { prepareKeys } from "../../../src/cli/bench/run-load.ts";

test("prepares no more keys after an interrupt", async () => {
  const interrupted = new AbortController();
  let calls = 0;
  const client = {
    async write<Response>(): Promise<Response> {
      if (++calls === 3) interrupted.abort();
      return {} as Response;
    },
  };
  await prepareKeys(client, { prefix: "b/", sizeBytes: 1_000_000, signal: interrupted.signal });
  expect(calls).toBe(3);
});
