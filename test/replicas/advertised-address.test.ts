import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../src/database.ts";
import { defaultLimits } from "../../src/limits.ts";
import { silentLogger } from "../../src/logging.ts";
import type { LogOwner } from "../../src/transaction-log/transaction-logger.ts";
import { SharedFakeLogger } from "./shared-fake-logger.ts";

class Logger extends SharedFakeLogger {
  readonly clock = { now: () => 1000, agrees: true };
  owners: readonly LogOwner[] = [];
  onOwners = () => {};
  /** What the next heartbeat would show. */
  address: () => string | undefined = () => undefined;

  advertise(address: () => string | undefined): void {
    this.address = address;
  }

  /** The heartbeat of another replica at revision 0. */
  hear(hash: string | undefined): void {
    this.owners = [{ id: "other", self: false, applied: 0, hash, seenTime: 1000, address: undefined }];
    this.onOwners();
  }
}

test("a replica shows its address while the others may let it append", async () => {
  const logger = new Logger();
  const database = await openDatabase({ logger, limits: defaultLimits, log: silentLogger });
  onTestFinished(() => database.close());
  database.advertise("127.0.0.1:1");
  expect(logger.address()).toBe("127.0.0.1:1");

  logger.clock.agrees = false;
  expect(logger.address()).toBeUndefined();
  logger.clock.agrees = true;

  logger.fault = new Error("the log takes no writes");
  expect(logger.address()).toBeUndefined();
  logger.fault = undefined;

  logger.hear("f".repeat(32));
  expect(logger.address()).toBeUndefined();
  logger.hear(undefined);
  logger.owners = [];
  logger.onOwners();
  expect(logger.address()).toBe("127.0.0.1:1");

  database.advertise(undefined);
  expect(logger.address()).toBeUndefined();
});
