import { once } from "node:events";
import { createServer } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { createConfiguration } from "../src/config/configuration.ts";
import { silentLogger } from "../src/logging.ts";
import { openServer } from "../src/server.ts";
import { MemoryTransactionLogger } from "../src/transaction-log/memory/memory-transaction-logger.ts";
import { until } from "./support/until.ts";

async function takenPort(): Promise<string> {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  onTestFinished(() => void taken.close());
  return `127.0.0.1:${(taken.address() as { port: number }).port}`;
}

it.each(["listen", "admin-listen"])("a server whose --%s is taken leaves nothing open", async (flag) => {
  const free = { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" };
  const configuration = createConfiguration({ ...free, [flag]: await takenPort() }, {});
  const logger = new MemoryTransactionLogger();
  await expect(openServer(configuration, logger, silentLogger)).rejects.toMatchObject({ code: "EADDRINUSE" });
  await expect(logger.append(0, [])).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  // The one that has taken the port.
  await until(() => openListeners() === 1);
});

function openListeners(): number {
  return process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap").length;
}
