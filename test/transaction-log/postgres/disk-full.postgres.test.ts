import { afterEach, expect, it } from "vitest";
import type { PostgresTransactionLogger } from "../../../src/transaction-log/postgres/postgres-transaction-logger.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { until } from "../../support/until.ts";
import { put, readAll, simple, transaction } from "../log-model.ts";
import { expectNothingOpen, openLogger } from "./loggers.ts";

const server = sharedPostgres();
let url: string;
let log: PostgresTransactionLogger;
afterEach(async () => {
  await log.close();
  await expectNothingOpen(server, url);
});

/** Makes the database reject pieces over `bytesLeft` bytes with the error of a full disk. */
async function fillDisk(bytesLeft: number): Promise<void> {
  await server.query(
    url,
    `CREATE OR REPLACE FUNCTION fill() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF octet_length(NEW.events) > ${bytesLeft} THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
      END IF;
      RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER fill BEFORE INSERT ON duetkv.transactions FOR EACH ROW EXECUTE FUNCTION fill()`,
  );
}

it("refuses writes at once on a full disk, and has a fault until a write of the same size succeeds", async () => {
  url = await server.createDatabase();
  log = await openLogger(url, { heartbeatMs: 20, heartbeatValidMs: 60_000 });
  await log.append(0, [simple(1)]);
  await fillDisk(1_000);
  const large = transaction(2, put("large", "x".repeat(3_000_000)));
  await expect(log.append(1, [large])).rejects.toMatchObject({
    reason: "LOG_UNAVAILABLE",
    message: expect.stringContaining("disk space"),
    cause: { code: "53100" },
  });
  // Heartbeats and small writes succeed; neither proves that there is space.
  expect(await log.append(1, [simple(2)])).toEqual({ appended: true });
  expect(log.fault?.message).toContain("disk space");
  const beats = async () => (await server.query(url, "SELECT seen::text FROM duetkv.replicas"))[0]?.["seen"];
  for (let beat = 0; beat < 5; beat++) {
    const last = await beats();
    await until(async () => (await beats()) !== last);
    expect(log.fault?.message).toContain("disk space");
  }
  // Space for most writes, but not for the failed one.
  await fillDisk(2_000_000);
  for (let beat = 0; beat < 5; beat++) {
    const last = await beats();
    await until(async () => (await beats()) !== last);
    expect(log.fault?.message).toContain("disk space");
  }
  await fillDisk(10_000_000);
  await until(() => log.fault === undefined);
  expect(await log.append(2, [{ ...large, sequence: 3 }])).toEqual({ appended: true });
  expect(await readAll(log)).toEqual([simple(1), simple(2), { ...large, sequence: 3 }]);
  expect(await server.query(url, "SELECT FROM duetkv.transactions WHERE last < 0")).toEqual([]);
});
