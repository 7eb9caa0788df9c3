import { setTimeout as delay } from "node:timers/promises";
import { expect, it } from "vitest";
import { AppendLease } from "../../../src/transaction-log/postgres/append/append-lease.ts";
import type { Connection } from "../../../src/transaction-log/postgres/connection/connection.ts";
import type { Connections } from "../../../src/transaction-log/postgres/connection/connections.ts";
import { until } from "../../support/until.ts";

/** Connections that record what becomes of sessions. */
class FakeConnections {
  readonly statements: string[] = [];
  dropped = 0;
  givenBack = 0;
  refuses = false;

  async take(): Promise<Connection> {
    if (this.refuses) throw new Error("no connection");
    return {
      query: async ({ text }: { text: string }) => {
        this.statements.push(text);
      },
    } as unknown as Connection;
  }

  async withConnection<T>(work: (connection: Connection) => Promise<T>): Promise<T> {
    return work(await this.take());
  }

  giveBack(): void {
    this.givenBack++;
  }

  drop(): void {
    this.dropped++;
  }
}

function start() {
  const connections = new FakeConnections();
  const lease = new AppendLease(connections as unknown as Connections);
  /** What the appender does for one append; `wins`: no other writer comes first. Says how the append was made. */
  const append = async (wins = true): Promise<string> => {
    if (lease.isDue) await lease.take();
    const withLock = lease.held;
    let ended = false;
    const appended = await lease.append(async (_, endsLease) => {
      ended = endsLease;
      return wins;
    });
    if (appended) lease.appended();
    else {
      lease.conflicted();
      if (!lease.held) await lease.take();
    }
    return !withLock ? "without" : ended ? "last" : "with";
  };
  /** A conflict that is seen before anything is sent: the lock stays. */
  const conflictUnsent = async () => {
    if (lease.isDue) await lease.take();
    lease.conflicted();
    if (!lease.held) await lease.take();
  };
  return { connections, lease, append, conflictUnsent };
}

it("takes no lock without a conflict", async () => {
  const { connections, append } = start();
  expect([await append(), await append()]).toEqual(["without", "without"]);
  expect(connections.statements).toEqual([]);
});

it("has the lock for one append after a conflict, and for the one after that", async () => {
  const { connections, append } = start();
  const ways = [await append(false), await append(), await append(), await append()];
  expect(ways).toEqual(["without", "last", "last", "without"]);
  expect(connections.statements.length).toBe(2);
  expect([connections.givenBack, connections.dropped]).toEqual([2, 0]);
});

it("keeps the lock for more than one append after conflicts in a row", async () => {
  const { append, conflictUnsent, lease } = start();
  await append(false);
  await append();
  await conflictUnsent();
  let appends = 0;
  while ((await append()) === "with") appends++;
  expect(appends).toBeGreaterThan(0);
  // The contention may go on.
  expect(lease.isDue).toBe(true);
});

it("releases the lock when there is nothing more to append, and ends the contention", async () => {
  const { connections, append, conflictUnsent, lease } = start();
  await append(false);
  await append();
  await conflictUnsent();
  expect(await append()).toBe("with");
  await until(() => connections.givenBack === 2);
  expect(connections.statements.at(-1)).toContain("pg_advisory_unlock");
  expect([lease.held, lease.isDue]).toEqual([false, false]);
  expect(await append()).toBe("without");
});

it("ends the session of a lock that is not used, or with which an append failed", async () => {
  const { connections, append, lease } = start();
  await append(false);
  await until(() => connections.dropped === 1);
  expect(lease.held).toBe(false);
  await append(false);
  await append(false);
  expect(connections.dropped).toBe(2);
});

it("appends without the lock when it cannot be taken", async () => {
  const { connections, append, lease } = start();
  connections.refuses = true;
  await lease.take();
  lease.conflicted();
  await lease.take();
  connections.refuses = false;
  expect([await append(), await append(), await append()]).toEqual(["without", "last", "without"]);
});

it("does not release the lock of a later lease", async () => {
  const { connections, append, conflictUnsent, lease } = start();
  await append(false);
  await append();
  await conflictUnsent();
  expect(await append()).toBe("with");
  await lease.take();
  await delay(10);
  expect(lease.held).toBe(true);
  lease.close();
  expect(connections.statements.filter((text) => text.includes("unlock"))).toEqual([]);
});
