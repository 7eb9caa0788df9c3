import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { expect, onTestFinished, test, vi } from "vitest";
import { ForwardRequestSchema } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Operation } from "../../src/database.ts";
import { defaultLimits, forwardedOperationsMax } from "../../src/limits.ts";
import { createForwardingService } from "../../src/replication/forwarding-service.ts";

function forwardPuts(
  keys: readonly string[],
  to: { storeId?: string; replicaId?: string; notAfter?: bigint } = {},
  /** Resolves when the operations are evaluated, with the clock of the log. */
  evaluated: () => Promise<number> = async () => 1_000,
) {
  const committed: string[] = [];
  const { forward } = createForwardingService({
    database: {
      storeId: "s",
      replicaId: "me",
      revision: 1,
      stateHash: "00",
      commitHere: async ({ mutations }: Operation, _span?: unknown, requirement?: (now: number) => void) => {
        requirement?.(await evaluated());
        committed.push(...mutations.map(({ key }) => key));
        return { revision: 1, results: [] };
      },
    },
    limits: defaultLimits,
    onReceived: () => {},
  });
  const operations = keys.map((key) => {
    const mutations = [{ kind: { case: "put" as const, value: { key } } }];
    return { kind: { case: "commit" as const, value: { mutations } } };
  });
  const request = create(ForwardRequestSchema, {
    storeId: "s",
    replicaId: "me",
    notAfter: 1_000n,
    ...to,
    operations,
  });
  const response = forward(request, { span: undefined } as unknown as HandlerContext);
  return { committed, response };
}

test.each([
  ["another replica", { replicaId: "other" }],
  ["another store", { storeId: "other" }],
])("a replica commits nothing that is for %s", async (_, to) => {
  const { committed, response } = forwardPuts(["a"], to);
  await expect(response).rejects.toMatchObject({ reason: "REQUEST_MALFORMED" });
  expect(committed).toEqual([]);
});

test("a request with more operations than the limit is refused as a whole", async () => {
  const keys = Array.from({ length: forwardedOperationsMax + 1 }, (_, index) => `k${index}`);
  const { committed, response } = forwardPuts(keys);
  await expect(response).rejects.toMatchObject({ reason: "TOO_MANY_OPERATIONS" });
  expect(committed).toEqual([]);
});

test("an operation beyond the limits is refused, and spoils no other", async () => {
  const { committed, response } = forwardPuts(["a", "x".repeat(5_000), "b"]);
  expect((await response).outcomes).toMatchObject([
    { kind: { case: "committed" } },
    { kind: { case: "failure", value: { refused: true } } },
    { kind: { case: "committed" } },
  ]);
  expect(committed).toEqual(["a", "b"]);
});

test.each([
  [0n, ["failure", "failure"]],
  [1_000n, ["committed", "committed"]],
  [999n, ["failure", "failure"]],
])("operations with the latest time %d at 1000 are %j", async (notAfter, expected) => {
  const { response } = forwardPuts(["a", "b"], { notAfter });
  const { outcomes } = await response;
  expect(outcomes?.map(({ kind }) => kind?.case)).toEqual(expected);
});

test.each([
  [5_000, "committed"],
  [5_001, "failure"],
])(
  "operations that are evaluated %d ms after their receipt are a %s, whatever the clock of the log",
  async (ms, kind) => {
    vi.useFakeTimers({ toFake: ["performance"] });
    onTestFinished(() => void vi.useRealTimers());
    const { response } = forwardPuts(["a"], { notAfter: 9_000n }, async () => {
      vi.advanceTimersByTime(ms);
      return 1_000;
    });
    expect((await response).outcomes?.[0]?.kind?.case).toBe(kind);
  },
);
