import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { ForwardRequestSchema } from "../../gen/duetkv/internal/v1/forwarding_pb.ts";
import type { Operation } from "../../src/database.ts";
import { defaultLimits } from "../../src/limits.ts";
import { createForwardingService } from "../../src/replication/forwarding-service.ts";
import { PeerProof } from "../../src/replication/peer-proof.ts";

function forwardPuts(replicaId: string, keys: readonly string[]) {
  const committed: string[] = [];
  const { forward } = createForwardingService({
    database: {
      storeId: "s",
      replicaId: "me",
      revision: 1,
      commitHere: async ({ mutations }: Operation) => {
        committed.push(...mutations.map(({ key }) => key));
        return { revision: 1, results: [] };
      },
    },
    limits: defaultLimits,
    proof: PeerProof.none,
    onReceived: () => {},
  });
  const operations = keys.map((key) => {
    const mutations = [{ kind: { case: "put" as const, value: { key } } }];
    return { kind: { case: "commit" as const, value: { mutations } } };
  });
  const request = create(ForwardRequestSchema, { storeId: "s", replicaId, operations });
  const response = forward(request, { requestHeader: new Headers() } as HandlerContext);
  return { committed, response };
}

test("a replica commits nothing that is for another one", async () => {
  const { committed, response } = forwardPuts("other", ["a"]);
  await expect(response).rejects.toMatchObject({ reason: "REQUEST_MALFORMED" });
  expect(committed).toEqual([]);
});

test("an operation beyond the limits is refused, and spoils no other", async () => {
  const { committed, response } = forwardPuts("me", ["a", "x".repeat(5_000), "b"]);
  expect((await response).outcomes).toMatchObject([
    { kind: { case: "committed" } },
    { kind: { case: "failure", value: { refused: true } } },
    { kind: { case: "committed" } },
  ]);
  expect(committed).toEqual(["a", "b"]);
});
