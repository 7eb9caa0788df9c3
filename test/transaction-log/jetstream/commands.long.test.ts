import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type NatsCluster, startNats } from "../../support/nats.ts";
import { natsBinary } from "../../support/nats-binary.ts";
import { request } from "../../support/rest-request.ts";
import { startServerProcess } from "../../support/server-process.ts";
import { serverProgram } from "../../support/server-program.ts";
import { sharedPostgres } from "../../support/shared-postgres.ts";
import { temporaryDirectory } from "../../support/temporary-directory.ts";

const postgres = sharedPostgres();

describe.skipIf(natsBinary() === undefined)("the service and its commands with a log in JetStream", () => {
  let cluster: NatsCluster;

  beforeAll(async () => {
    cluster = await startNats(1);
  });

  afterAll(async () => {
    await cluster?.stop();
  });

  function run(...args: string[]) {
    const environment = { DUETKV_NATS_REPLICAS: "1", DUETKV_NATS_MONITOR: cluster.monitors.join() };
    const { status, stdout, stderr } = spawnSync(process.execPath, [serverProgram(), ...args], {
      encoding: "utf8",
      env: { ...process.env, ...environment },
    });
    return { status, stdout, stderr };
  }

  it("serves, is checked, printed, saved and restored", async () => {
    const url = cluster.url("service");
    const flags = ["--nats-replicas", "1", "--nats-monitor", cluster.monitors.join()];
    const server = await startServerProcess(["--log", url, ...flags]);
    const backup = join(await temporaryDirectory(), "backup");
    try {
      const put = await request(`http://${server.address}`, "PUT", "/v1/key/greeting", {}, "hello");
      expect(put.status).toBe(201);
      expect(run("snapshot", "save", backup, "--server", server.address)).toMatchObject({ status: 0 });
    } finally {
      expect(await server.stop()).toBe(0);
    }
    expect(run("log", "verify", "--log", url)).toMatchObject({
      status: 0,
      stdout: "1 batches, 1 transactions; last sequence 1, horizon 0\nThe log is good.\n",
    });
    expect(JSON.parse(run("log", "cat", "--log", url).stdout)).toMatchObject({
      sequence: 1,
      events: [{ type: "put", key: "greeting", value: "hello" }],
    });
    expect(run("snapshot", "restore", backup, "--log", url).status).not.toBe(0);
    const restored = cluster.url("restored");
    expect(run("snapshot", "restore", backup, "--log", restored)).toMatchObject({ status: 0 });
    const second = await startServerProcess(["--log", restored, ...flags]);
    try {
      const got = await request(`http://${second.address}`, "GET", "/v1/key/greeting");
      expect(got.body.toString()).toBe("hello");
    } finally {
      expect(await second.stop()).toBe(0);
    }
    expect(run("log", "verify", "--log", cluster.url("missing"))).toMatchObject({ status: 1 });
  });

  it("is saved and restored from one kind of log to another, with the same revisions", async () => {
    const directory = await temporaryDirectory();
    const flags = ["--nats-replicas", "1", "--nats-monitor", cluster.monitors.join()];
    const logs = [
      cluster.url("first"),
      `file:${join(directory, "data")}`,
      await postgres.createDatabase(),
      cluster.url("last"),
    ];
    for (const [index, log] of logs.entries()) {
      const isFirst = index === 0;
      const [before, backup] = [index - 1, index].map((each) => join(directory, `backup ${each}`));
      if (!isFirst) {
        expect(run("snapshot", "restore", before!, "--log", log)).toMatchObject({ status: 0 });
        expect(run("log", "verify", "--log", log).stdout).toContain("The log is good.");
      }
      const server = await startServerProcess(["--log", log, ...(log.startsWith("nats") ? flags : [])]);
      const call = (method: string, body = "") =>
        request(`http://${server.address}`, method, "/v1/key/greeting", {}, body);
      try {
        if (isFirst) for (const value of ["hi", "hello"]) expect((await call("PUT", value)).status).toBe(201);
        const { body, headers } = await call("GET");
        expect([body.toString(), headers["etag"]]).toEqual(["hello", '"2"']);
        expect(run("snapshot", "save", backup!, "--server", server.address)).toMatchObject({ status: 0 });
      } finally {
        expect(await server.stop()).toBe(0);
      }
    }
  });
});
