import { expect, onTestFinished, test } from "vitest";
import { createConfiguration } from "../src/config/configuration.ts";
import type { Database } from "../src/database.ts";
import type { Logger } from "../src/logging.ts";
import { configureReplication } from "../src/replication-configuration.ts";
import { until } from "./support/until.ts";

test("without a secret a replica connects to loopback addresses alone", async () => {
  const warnings: { err: Error }[] = [];
  const log = { info() {}, warn: (facts: { err: Error }) => warnings.push(facts) } as unknown as Logger;
  // An address of nobody (RFC 5737).
  const writer = () => ({ id: "other", self: false, address: "192.0.2.1:9" });
  const database = { isShared: true, storeId: "s", writer } as unknown as Database;
  const configuration = createConfiguration({ listen: "127.0.0.1:0" }, {});
  const replication = await configureReplication(configuration, database, undefined, log, undefined);
  onTestFinished(() => replication?.close());
  await until(() => warnings.length > 0);
  expect(warnings[0]?.err.message).toMatch("not a loopback address");
});
