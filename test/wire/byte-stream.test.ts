import { Code } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { registerService } from "../../src/wire/method-table.ts";
import { until } from "../support/until.ts";
import { serviceError } from "./memory-key-value.ts";
import { ask, askHttp2, serve } from "./serve.ts";

describe.each([
  ["HTTP/1.1", ask],
  ["HTTP/2", askHttp2],
])("a snapshot over %s", (_name, send) => {
  test("that fails after its first bytes is broken off, and counted as failed", async () => {
    const status = registerService(StatusService, {
      async *snapshot() {
        yield { data: Buffer.from("first") };
        throw serviceError(Code.ResourceExhausted, "SNAPSHOT_TOO_SLOW");
      },
    });
    const { port, failed } = await serve({ services: [status] });
    await expect(send(port, "GET", "/v1/snapshot")).rejects.toThrow(/aborted|hang up|INTERNAL_ERROR/);
    await until(() => expect(failed).toEqual([["snapshot", "SNAPSHOT_TOO_SLOW"]]));
  });
});
