import { readFileSync } from "node:fs";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { expectFullStores, expectFullStoresInSmallHeap } from "./full-store.ts";

/** A container of 512 MiB, and the old space that the image gives V8 of it. */
const containerMebibytes = 512;

test("a full store fits into a container of 512 MiB, whatever fills it", async () => {
  const dockerfile = readFileSync(new URL("../../Dockerfile", import.meta.url), "utf8");
  const [, share] = /--max-old-space-size-percentage=(\d+)/.exec(dockerfile) ?? [];
  const [semiSpace] = /--max-semi-space-size=\d+/.exec(dockerfile) ?? [];
  const oldSpace = Math.floor((containerMebibytes * Number(share)) / 100);
  const environment = { NODE_OPTIONS: `--max-old-space-size=${oldSpace} ${semiSpace}` };
  const log = `file:${await temporaryDirectory()}`;
  const server = await startServerProcess(["--log", log], environment);
  onTestFinished(() => void server.stop("SIGKILL"));
  await expectFullStores(server);
  const status = readFileSync(`/proc/${server.pid}/status`, "utf8");
  const [, kibibytes] = /^VmHWM:\s+(\d+) kB$/m.exec(status) ?? [];
  console.log(`at most ${Math.round(Number(kibibytes) / 1024)} MiB resident`);
  expect(Number(kibibytes) / 1024).toBeLessThan(containerMebibytes);
  expect(await server.stop()).toBe(0);
}, 900_000);

test("a full store refuses puts with STORE_FULL, whatever fills it, and the process survives", () =>
  expectFullStoresInSmallHeap());
