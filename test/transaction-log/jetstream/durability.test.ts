import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, it, onTestFinished } from "vitest";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { Durability } from "../../../src/transaction-log/remote/jetstream/durability.ts";
import { until } from "../../support/until.ts";

/** Starts the monitoring port of a server that syncs. */
async function startMonitor(name: string): Promise<string> {
  const varz = { server_name: name, version: "2.15.1", jetstream: { config: { sync_always: true } } };
  const server = createServer((_request, response) => response.end(JSON.stringify(varz))).listen(
    0,
    "127.0.0.1",
  );
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function start(monitors: readonly string[]): Promise<Durability> {
  const durability = new Durability({ monitors, monitorMs: 10, log: silentSink });
  onTestFinished(() => durability.close());
  await durability.start(60_000);
  return durability;
}

const silent = "http://127.0.0.1:1";

it("waits for a server that responds later, and not for ever", async () => {
  const options = { monitors: [silent], monitorMs: 10, log: silentSink };
  await expect(new Durability(options).start(0)).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  const { fetch } = globalThis;
  onTestFinished(() => {
    globalThis.fetch = fetch;
  });
  const monitor = await startMonitor("one");
  let asked = 0;
  globalThis.fetch = () => fetch(asked++ < 2 ? silent : `${monitor}/varz`);
  expect((await start([monitor])).fault).toBeUndefined();
  expect(asked).toBeGreaterThan(2);
});

it("covers a log when each server that has a copy has a monitor", async () => {
  const durability = await start(await Promise.all(["one", "two", "three"].map(startMonitor)));
  await durability.cover(async () => ["two", "three", "one"]);
  expect(durability.fault).toBeUndefined();
});

it("does not cover a log with several URLs of one server", async () => {
  const one = await startMonitor("one");
  const durability = await start([one, one, one]);
  await expect(durability.cover(async () => ["one", "two", "three"])).rejects.toMatchObject({
    reason: "LOG_UNAVAILABLE",
    message: expect.stringMatching(/two, three .*--nats-monitor/),
  });
});

it("takes a server that has not responded yet for one that has a copy", async () => {
  const durability = await start([await startMonitor("one"), silent]);
  await durability.cover(async () => ["one", "two"]);
  await expect(durability.cover(async () => ["one", "two", "three"])).rejects.toMatchObject({
    message: expect.stringContaining("NATS server two, three"),
  });
});

it("notices a copy that has moved to a server without a monitor, and that it has moved back", async () => {
  const durability = await start(await Promise.all(["one", "two"].map(startMonitor)));
  const copies = ["one", "two"];
  await durability.cover(async () => copies);
  copies[1] = "four";
  await until(() => durability.fault !== undefined);
  expect(durability.fault?.message).toContain("NATS server four has a copy");
  copies[1] = "two";
  await until(() => durability.fault === undefined);
});

it("keeps what it found while there is no leader that could tell", async () => {
  const durability = await start([await startMonitor("one")]);
  let asked = 0;
  const servers = async () => {
    if (asked++ > 0) throw new Error("no leader");
    return ["two"];
  };
  await expect(durability.cover(servers)).rejects.toMatchObject({ reason: "LOG_UNAVAILABLE" });
  await until(() => asked > 3);
  expect(durability.fault).toBeDefined();
});
