import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inspect } from "node:util";
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { DuetError } from "../../../src/errors.ts";
import { silentSink } from "../../../src/transaction-log/log-sink.ts";
import { withDatabase } from "../../../src/transaction-log/postgres/connection/reach-database.ts";
import { type PostgresServer, startPostgres } from "../../support/postgres.ts";
import { startPostgresProxy } from "../../support/postgres-proxy.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";
import { startTransactionPooler } from "../../support/transaction-pooler.ts";
import { until } from "../../support/until.ts";
import { readAll, retaining, simple, simples } from "../log-model.ts";
import { expectNothingOpen, openLogger } from "./loggers.ts";

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());

async function failureOf(opening: Promise<unknown>): Promise<DuetError> {
  const error = await opening.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DuetError);
  return error as DuetError;
}

describe("opening a log", () => {
  it("creates the database and its tables once when eight replicas start at the same time", async () => {
    const url = server.url("of eight".replace(" ", "%20"));
    const logs = await Promise.all(Array.from({ length: 8 }, () => openLogger(url)));
    await logs[0]?.append(0, [simple(1)]);
    for (const log of logs) {
      expect(await log.latestSequence()).toBe(1);
      expect(await readAll(log)).toEqual([simple(1)]);
    }
    for (const log of logs) await log.close();
    expect(await server.query(url, "SELECT version FROM duetkv.migrations")).toEqual([
      { version: 1 },
      { version: 2 },
      { version: 3 },
      { version: 4 },
      { version: 5 },
    ]);
    expect(await server.query(url, "SELECT count(*)::int FROM duetkv.log")).toEqual([{ count: 1 }]);
    await expectNothingOpen(server, url);
  });

  it("names the statement to run when the database is missing and the role may not create it", async () => {
    await server.query(server.url("postgres"), "CREATE ROLE guest LOGIN PASSWORD 'guest-secret'");
    const error = await failureOf(openLogger(server.url("missing", "guest:guest-secret")));
    expect(error).toMatchObject({ reason: "LOG_UNAVAILABLE" });
    expect(error.message).toContain(
      'the database "missing" does not exist, and the role "guest" may not create it',
    );
    expect(error.message).toContain('CREATE DATABASE "missing" OWNER "guest"');
    expect(
      await server.query(server.url("postgres"), "SELECT FROM pg_database WHERE datname = 'missing'"),
    ).toEqual([]);
  });

  it("needs only privileges on existing tables of another role", async () => {
    const url = await server.createDatabase();
    await (await openLogger(url)).close();
    await server.query(url, "CREATE ROLE writer LOGIN");
    await server.query(url, "GRANT USAGE ON SCHEMA duetkv TO writer");
    await server.query(url, "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA duetkv TO writer");
    const log = await openLogger(server.url(new URL(url).pathname.slice(1), "writer"));
    await log.append(0, [simple(1)]);
    await log.compact(retaining(1, simples(1, 1)));
    await log.close();
  });

  it("refuses a role that lacks a privilege, and names the GRANT to run", async () => {
    const url = await server.createDatabase();
    await (await openLogger(url)).close();
    await server.query(url, "CREATE ROLE appender LOGIN");
    await server.query(url, "GRANT USAGE ON SCHEMA duetkv TO appender");
    await server.query(url, "GRANT SELECT, INSERT, UPDATE ON ALL TABLES IN SCHEMA duetkv TO appender");
    const error = await failureOf(openLogger(server.url(new URL(url).pathname.slice(1), "appender")));
    expect(error.reason).toBe("LOG_UNAVAILABLE");
    expect(error.message).toContain("DELETE on duetkv.batches");
    expect(error.message).toContain(
      'GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA duetkv TO "appender"',
    );
    await expectNothingOpen(server, url);
  });

  it.each([
    ["nothing", []],
    ["the use of the schema", ["GRANT USAGE ON SCHEMA duetkv TO "]],
    ["SELECT on one table", ["GRANT USAGE ON SCHEMA duetkv TO ", "GRANT SELECT ON duetkv.log TO "]],
  ])("names the GRANT to run to a role that has %s", async (what, grants) => {
    const url = await server.createDatabase();
    await (await openLogger(url)).close();
    const role = `"with ${what}"`;
    for (const text of [`CREATE ROLE ${role} LOGIN`, ...grants.map((grant) => grant + role)]) {
      await server.query(url, text);
    }
    const restricted = server.url(new URL(url).pathname.slice(1), encodeURIComponent(`with ${what}`));
    const error = await failureOf(openLogger(restricted));
    expect(error.reason).toBe("LOG_UNAVAILABLE");
    expect(error.message).toContain("SELECT on duetkv.migrations");
    const [, run = ""] = error.message.split("; run: ");
    for (const text of run.split("; ")) await server.query(url, text);
    await (await openLogger(restricted)).close();
  });

  it("names the GRANT to run to a role that may not execute the function that followers call", async () => {
    const url = await server.createDatabase();
    await (await openLogger(url)).close();
    const called =
      "SELECT oid::regprocedure::text AS name FROM pg_proc WHERE proname = 'pg_logical_emit_message'";
    const functions = await server.query(url, called);
    for (const text of [
      "CREATE ROLE follower LOGIN",
      "GRANT USAGE ON SCHEMA duetkv TO follower",
      "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA duetkv TO follower",
      ...functions.map(({ name }) => `REVOKE EXECUTE ON FUNCTION ${String(name)} FROM PUBLIC`),
    ]) {
      await server.query(url, text);
    }
    const restricted = server.url(new URL(url).pathname.slice(1), "follower");
    const error = await failureOf(openLogger(restricted));
    expect(error.reason).toBe("LOG_UNAVAILABLE");
    expect(error.message).toContain('the role "follower" lacks EXECUTE on pg_logical_emit_message(');
    const [, run = ""] = error.message.split("; run: ");
    await server.query(url, run);
    await (await openLogger(restricted)).close();
  });

  it("names the role in the GRANT statement as it is, even if it is called like the schema", async () => {
    const url = await server.createDatabase();
    await (await openLogger(url, { deployment: "shop" })).close();
    await server.query(url, "CREATE ROLE duetkv LOGIN");
    await server.query(url, "GRANT USAGE ON SCHEMA duetkv_shop TO duetkv");
    await server.query(url, "GRANT SELECT ON ALL TABLES IN SCHEMA duetkv_shop TO duetkv");
    const opening = openLogger(server.url(new URL(url).pathname.slice(1), "duetkv"), { deployment: "shop" });
    expect((await failureOf(opening)).message).toMatch(
      /the role "duetkv" lacks .* on duetkv_shop\..* ON ALL TABLES IN SCHEMA duetkv_shop TO "duetkv"$/,
    );
  });

  it("waits for an unreachable database, and logs that", async () => {
    const proxy = await startPostgresProxy(server.port);
    onTestFinished(() => proxy.close());
    const url = await server.createDatabase();
    const warned = Promise.withResolvers<string>();
    proxy.refuse();
    const opening = openLogger(url.replace(`:${server.port}/`, `:${proxy.port}/`), {
      startWaitMs: 1_000_000,
      log: { ...silentSink, warn: (_details, message) => warned.resolve(message) },
    });
    expect(await warned.promise).toBe("database unreachable; start delayed");
    proxy.restore();
    const log = await opening;
    await log.append(0, [simple(1)]);
    await log.close();
  });

  it("does not retry a permanent error, nor while the process stops", async () => {
    const wrong = openLogger(server.url("postgres", "nobody:wrong"), { startWaitMs: 1_000_000 });
    expect(await failureOf(wrong)).toMatchObject({ reason: "LOG_UNAVAILABLE" });
    const stopping = AbortSignal.abort();
    const away = openLogger("postgres://127.0.0.1:1/away", { startWaitMs: 1_000_000, stopping });
    expect(await failureOf(away)).toMatchObject({ reason: "LOG_UNAVAILABLE" });
  });

  it("finds the usable server among several", async () => {
    const url = await server.createDatabase();
    const several = url.replace("@127.0.0.1:", "@127.0.0.1:1,127.0.0.1:");
    const log = await openLogger(several);
    await log.append(0, [simple(1)]);
    await log.close();
    const created = await openLogger(several.replace(/[^/]*$/, "by_several"));
    await created.append(0, [simple(1)]);
    await created.close();
    const away = await failureOf(openLogger("postgres://127.0.0.1:1,127.0.0.1:2/away"));
    expect(away.message).toMatch(/127\.0\.0\.1:1.*127\.0\.0\.1:2/);
  });

  it("refuses transaction pooling, and leaves the settings of the pooled sessions alone", async () => {
    const url = await server.createDatabase();
    await (await openLogger(url)).close();
    const pooler = await startTransactionPooler(server.port);
    onTestFinished(() => pooler.close());
    const pooled = url.replace(`:${server.port}/`, `:${pooler.port}/`);
    const error = await failureOf(openLogger(pooled));
    expect(error.reason).toBe("LOG_UNAVAILABLE");
    expect(error.message).toContain("transaction pooling");
    expect(await server.query(pooled, "SELECT current_setting('search_path') AS path")).toEqual([
      { path: '"$user", public' },
    ]);
  });

  it("keeps deployments apart, and refuses an unknown name", async () => {
    const url = await server.createDatabase();
    const shop = await openLogger(url, { deployment: "shop" });
    for (const deployment of [undefined, "shpo"]) {
      const error = await failureOf(openLogger(url, { ...(deployment && { deployment }) }));
      expect(error.reason).toBe("LOG_UNAVAILABLE");
      expect(error.message).toContain("it has those of: shop.");
      expect(error.message).toContain(`CREATE SCHEMA ${deployment ? "duetkv_shpo" : "duetkv"}`);
    }
    await server.query(url, "CREATE SCHEMA duetkv_office");
    const office = await openLogger(url, { deployment: "office", listenPollMs: 1_000_000 });
    const again = await openLogger(url, { deployment: "office" });
    await shop.append(0, [simple(1)]);
    const abort = new AbortController();
    const followed = (async () => {
      for await (const [first] of office.follow(0, abort.signal)) return first;
      return undefined;
    })();
    await again.append(0, [{ ...simple(1), time: 7 }]);
    expect(await followed).toEqual({ ...simple(1), time: 7 });
    await shop.append(1, [simple(2)]);
    for (const log of [office, again]) log.applied(1);
    await Promise.all([office.compact(retaining(1, simples(1, 1))), shop.compact(retaining(2))]);
    expect([office.horizon, shop.horizon]).toEqual([1, 2]);
    expect(await readAll(office)).toEqual([{ ...simple(1), time: 7 }]);
    expect(await readAll(shop)).toEqual([]);
    for (const log of [shop, office, again]) await log.close();
  });

  it("refuses tables of a later version, and a database that is not UTF8", async () => {
    const url = await server.createDatabase();
    await (await openLogger(url)).close();
    await server.query(url, "INSERT INTO duetkv.migrations (version) VALUES (1000)");
    expect(await failureOf(openLogger(url))).toMatchObject({ reason: "LOG_VERSION" });
    await server.query(
      server.url("postgres"),
      "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C'",
    );
    expect((await failureOf(openLogger(server.url("latin")))).message).toContain("UTF8");
  });

  it("does not depend on the settings of the role and the database", async () => {
    const url = await server.createDatabase();
    const name = new URL(url).pathname.slice(1);
    for (const setting of [
      "default_transaction_isolation = 'serializable'",
      "synchronous_commit = off",
      "search_path = ''",
      "standard_conforming_strings = off",
      "bytea_output = 'escape'",
      "DateStyle = 'German'",
      "TimeZone = 'Asia/Kathmandu'",
      "enable_indexscan = off",
      "lc_messages = 'C'",
      "extra_float_digits = -15",
      "idle_in_transaction_session_timeout = 1",
      "idle_session_timeout = 1000000",
    ]) {
      await server.query(server.url("postgres"), `ALTER DATABASE ${name} SET ${setting}`);
    }
    const log = await openLogger(url);
    const other = await openLogger(url);
    const bytes = {
      ...simple(1),
      events: [
        {
          ...simple(1).events[0]!,
          type: "put" as const,
          value: new Uint8Array([0, 92, 255, 39]),
          createRevision: 1,
          version: 1,
          expireTime: 0,
        },
      ],
    };
    await log.append(0, [bytes]);
    expect(await other.append(0, [simple(1)])).toMatchObject({ appended: false });
    expect(await readAll(other)).toEqual([bytes]);
    other.applied(1);
    await log.compact(retaining(1, simples(1, 1)));
    await log.close();
    await other.close();
  });

  it("takes the password from the environment or a passfile, and never logs it", async () => {
    const secured = await startPostgres({}, "scram-sha-256");
    onTestFinished(() => secured.stop());
    const password = "correct horse";
    const lines: string[] = [];
    const write = (details: object, message: string) => {
      lines.push(
        JSON.stringify({ message, ...details }, (_, value) =>
          value instanceof Error ? { text: inspect(value) } : value,
        ),
      );
    };
    const log = { info: write, warn: write, error: write };
    const wrong = await failureOf(openLogger(secured.url("kv", "postgres:wrong%20secret"), { log }));
    expect(wrong.message).toContain("password authentication failed");
    const url = `postgres://postgres@127.0.0.1:${secured.port}/kv`;
    vi.stubEnv("PGPASSWORD", password);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    await (await openLogger(url, { log })).close();
    vi.stubEnv("PGPASSWORD", undefined);
    const passfile = join(await temporaryDirectory(), "passfile");
    await writeFile(passfile, `127.0.0.1:${secured.port}:*:postgres:${password}\n`);
    await chmod(passfile, 0o600);
    vi.stubEnv("PGPASSFILE", passfile);
    const opened = await openLogger(url, { log, heartbeatMs: 10 });
    await secured.kill();
    // Backends outlive the killed server by a moment.
    let sequence = 0;
    await until(() =>
      expect(opened.append(sequence, [simple(++sequence)])).rejects.toMatchObject({
        reason: expect.stringMatching(/UNAVAILABLE|UNKNOWN/),
      }),
    );
    expect(opened.fault).toBeDefined();
    await opened.close();
    const bad = await failureOf(openLogger("postgres://a:top%20secret@[not-a-host/kv", { log }));
    const shown = [...lines, inspect(wrong), inspect(bad)].join();
    expect(lines.length).toBeGreaterThan(0);
    expect(shown).not.toMatch(/secret|correct horse/);
  });

  it.each([
    ["postgres://u:p@h:1/name?sslmode=no-verify", "postgres://u:p@h:1/other?sslmode=no-verify"],
    ["postgresql://h", "postgresql://h/other"],
    ["postgres://u@/name?host=/run", "postgres://u@/other?host=/run"],
    ["postgres:///name", "postgres:///other"],
    ["postgres://u:p%2F@[::1]:5/", "postgres://u:p%2F@[::1]:5/other"],
  ])("replaces the name of the database in %s", (url, expected) => {
    expect(withDatabase(url, "other")).toBe(expected);
  });
});
