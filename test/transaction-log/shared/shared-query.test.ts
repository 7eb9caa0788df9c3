import { expect, test } from "vitest";
import { SharedQuery } from "../../../src/transaction-log/shared/shared-query.ts";

test("callers of one turn share a query, and a failure of it ends with them", async () => {
  let queries = 0;
  const shared = new SharedQuery(() => {
    if (++queries === 1) throw new Error("no");
    return Promise.resolve(queries);
  });
  const first = [shared.result(), shared.result()];
  for (const result of first) await expect(result).rejects.toThrow("no");
  expect(await Promise.all([shared.result(), shared.result()])).toEqual([2, 2]);
  expect(await shared.result()).toBe(3);
});
