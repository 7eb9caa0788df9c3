import { expect, test } from "vitest";
import { ChainError } from "../../../src/transaction-log/remote/chain.ts";
import { readOtherCopies } from "../../../src/transaction-log/remote/copies.ts";
import type { Copy, RemoteLogDriver } from "../../../src/transaction-log/remote/driver.ts";

/** Reads copies of three servers; `answers` says what each read finds: undefined is damage. The last one is for all later. */
async function readCopies(...answers: readonly (readonly string[] | undefined)[]) {
  const reads: Copy[] = [];
  const found = readOtherCopies({ servers: 3 } as RemoteLogDriver, async (copy) => {
    const answer = answers[Math.min(reads.length, answers.length - 1)];
    reads.push(copy);
    if (answer === undefined) throw new ChainError("damaged");
    return answer;
  });
  return { reads, found: await found.catch((error: unknown) => error) };
}

test("the copy of the leader is read first", async () => {
  expect(await readCopies(["batch"])).toEqual({ reads: ["leader"], found: ["batch"] });
});

test("servers are asked several times, because each of them may show the damaged copy of another one", async () => {
  const { found } = await readCopies(undefined, undefined, undefined, undefined, ["batch"]);
  expect(found).toEqual(["batch"]);
});

test("all copies are damaged when none of many reads shows another one", async () => {
  const { reads, found } = await readCopies(undefined);
  expect(found).toBeInstanceOf(ChainError);
  expect(reads).toHaveLength(13);
});

test("a copy that has nothing may be old", async () => {
  expect(await readCopies([], undefined)).toMatchObject({ found: [] });
});
