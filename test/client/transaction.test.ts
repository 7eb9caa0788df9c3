import { expect, test } from "vitest";
import { connect } from "../../clients/typescript/src/index.ts";
import { memoryTransport } from "../../clients/typescript/src/memory.ts";
import { failure, open } from "./fake-transport.ts";

test("reads of one moment are of one revision", async () => {
  const store = memoryTransport();
  const other = connect({ url: "memory:", transport: store });
  await other.commit((batch) => batch.put("a", "1").put("b", "1"));
  let reads = 0;
  const client = open({
    async unary(call) {
      if (++reads === 2) await other.commit((batch) => batch.put("a", "2").put("b", "2"));
      return store.unary(call);
    },
  });
  const values = await client.transact(async (transaction) => {
    const entries = await Promise.all([transaction.get("a"), transaction.get("b"), transaction.get("a")]);
    return entries.map((entry) => entry?.value);
  });
  expect(values).toEqual(["1", "1", "1"]);
  expect(reads).toBe(2);
});

test("a first read that fails is the failure of the transaction, and of nothing else", async () => {
  const unhandled: unknown[] = [];
  const listener = (error: unknown) => unhandled.push(error);
  process.on("unhandledRejection", listener);
  try {
    const client = open({ unary: async () => Promise.reject(failure("permission_denied")) });
    const get = client.transact((transaction) => transaction.get("a"));
    await expect(get).rejects.toMatchObject({ code: "permission_denied" });
    await new Promise((resolve) => setTimeout(resolve, 10));
    expect(unhandled).toEqual([]);
  } finally {
    process.off("unhandledRejection", listener);
  }
});
