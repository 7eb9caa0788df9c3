import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { findRetransmitting } from "../../../src/wire/listener/unacknowledged.ts";
import { hasPrograms } from "../../support/programs.ts";
import { until } from "../../support/until.ts";
import { serve } from "../serve.ts";

const canVanish = process.platform === "linux" && hasPrograms("python3");

async function startVanishingPeer(port: number, request: string): Promise<void> {
  const script = new URL("vanished-peer.py", import.meta.url).pathname;
  const peer = spawn("python3", [script, String(port), request], { stdio: ["ignore", "pipe", "inherit"] });
  onTestFinished(() => void peer.kill("SIGKILL"));
  await once(peer.stdout, "data");
}

describe.skipIf(!canVanish)(
  "a stream over HTTP/1.1 whose peer has vanished is ended, and the watch with it,",
  () => {
    test.each([
      ["when nothing acknowledges its heartbeats", true],
      // The kernel's probes: the first after 2 s, ten of them a second apart.
      ["when it is idle", false],
    ])("%s", { timeout: 60_000 }, async (_name, hasHeartbeats) => {
      const ended: string[] = [];
      const beats = new Set<() => void>();
      const server = await serve({
        listener: { limits: { vanishedMs: 2000 }, onEnded: (reason) => ended.push(reason) },
        heartbeat: (beat) => {
          beats.add(beat);
          return () => beats.delete(beat);
        },
      });
      let watches = 0;
      server.memory.watch = async function* (signal) {
        watches++;
        yield { revision: 1n };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        watches--;
      };
      const alive = await fetch(`http://127.0.0.1:${server.port}/v1/key:watch`);
      await startVanishingPeer(server.port, "GET /v1/key:watch HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n");
      await until(() => beats.size === 2);
      if (hasHeartbeats) for (const beat of beats) beat();
      await until(() => watches === 1);
      expect(ended).toEqual(["peer_vanished"]);
      await alive.body?.cancel();
    });
  },
);

test("connections that retransmit are found in the kernel's table", () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 0200007F:C0DE 01 00000005:00000000 01:00000014 00000003     0        0 12345 2 0000000000000000
   1: 0100007F:1F90 0300007F:C0DF 01 00000000:00000000 00:00000000 00000000     0        0 12346 1 0000000000000000
   2: 0000000000000000FFFF00000100007F:1F90 0000000000000000FFFF00000A00000A:0050 01 00000005:00000000 01:00000014 0000000A 0 0 1
   3: B80D0120000000000000000001000000:1F90 B80D0120000000000000000002000000:0051 01 00000005:00000000 01:00000014 00000001 0 0 1
`;
  expect(findRetransmitting(table)).toEqual([
    "8080 127.0.0.2 49374",
    "8080 10.0.0.10 80",
    "8080 2001:db8::2 81",
  ]);
});
