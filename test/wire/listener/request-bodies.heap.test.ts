import { once } from "node:events";
import { connect } from "node:net";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, onTestFinished, test } from "vitest";
import { until } from "../../support/until.ts";
import { data, headers, opening } from "../http2/raw-frames.ts";
import { serveBodies } from "./serve-bodies.ts";

const MiB = 1024 * 1024;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

describe("parts of one byte hold no more memory than is counted:", () => {
  const parts = 200_000;
  const chunk = Buffer.from("1\r\nA\r\n".repeat(10_000));
  const frames = Buffer.concat(Array.from({ length: 10_000 }, () => data(1, "A")));
  test.each([
    ["HTTP/2", Buffer.concat([opening(), headers(1)]), frames],
    ["HTTP/1.1", Buffer.from("PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), chunk],
  ])("%s", async (_version, head, tenThousand) => {
    const { port, budget } = await serveBodies();
    const socket = connect(port, "127.0.0.1").resume();
    onTestFinished(() => void socket.destroy());
    collectGarbage();
    const before = process.memoryUsage();
    socket.write(head);
    for (let sent = 0; sent < parts; sent += 10_000)
      if (!socket.write(tenThousand)) await once(socket, "drain");
    await until(() => budget.used >= parts);
    collectGarbage();
    const after = process.memoryUsage();
    expect(budget.used).toBeLessThanOrEqual(3 * parts);
    // What the client and the test hold is well below.
    expect(after.heapUsed - before.heapUsed).toBeLessThan(4 * MiB);
    expect(after.external - before.external).toBeLessThan(4 * MiB);
  });
});
