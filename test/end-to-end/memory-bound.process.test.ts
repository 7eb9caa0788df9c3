import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { expectFullStores } from "./full-store.ts";

test("a full store refuses puts with STORE_FULL, whatever fills it, and the process survives", async () => {
  const log = `file:${await temporaryDirectory()}`;
  // The young generation is small, so that what stays gets into the old space.
  const environment = { NODE_OPTIONS: "--max-old-space-size=72 --max-semi-space-size=4" };
  const server = await startServerProcess(["--log", log], environment);
  onTestFinished(() => void server.stop("SIGKILL"));
  await expectFullStores(server);
  expect(await server.stop()).toBe(0);
});
