import { jetstreamManager } from "@nats-io/jetstream";
import { describe, expect, it, onTestFinished } from "vitest";
import { Consistency } from "../../gen/duetkv/v1/key_value_pb.ts";
import { startNats } from "../support/nats.ts";
import { natsBinary } from "../support/nats-binary.ts";
import { request } from "../support/rest-request.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, isReady, startReplica, startReplicas } from "./cluster.ts";

const wentBack = { code: "unavailable", reason: "DATABASE_WENT_BACK_IN_TIME" };

describe.skipIf(natsBinary() === undefined)("replicas whose stream was made anew", () => {
  it("refuse writes and linearizable reads until they are restarted, and others go on", async () => {
    const nats = await startNats(3);
    onTestFinished(() => nats.stop());
    const flags = ["--nats-monitor", nats.monitors.join()];
    const replicas = await startReplicas(nats.url("log"), 2, flags);
    const clients = replicas.map((replica) => connectTo(replica));
    for (const client of clients) await client.put({ key: "lost", value: "lost" });
    await expectSameState(replicas);
    const connection = await nats.connect();
    onTestFinished(() => connection.close());
    const { streams } = await jetstreamManager(connection);
    await streams.delete("log");
    // It makes the stream.
    const fresh = await startReplica(nats.url("log"), flags);
    for (const [index, { adminAddress }] of replicas.entries()) {
      await until(async () => {
        const { body } = await request(`http://${adminAddress}`, "GET", "/readyz");
        return body.toString().includes("went back in time");
      });
      const client = clients[index]!;
      await expect(client.put({ key: "new", value: "new" })).rejects.toMatchObject(wentBack);
      await expect(client.get({ key: "lost" })).rejects.toMatchObject(wentBack);
      const { entry } = await client.get({ key: "lost", consistency: Consistency.LOCAL });
      expect(entry?.value).toBe("lost");
    }
    await until(() => isReady(fresh));
    const { revision } = await connectTo(fresh).put({ key: "new", value: "new" });
    expect(revision).toBe(1n);
    await expect(clients[0]!.put({ key: "new", value: "new" })).rejects.toMatchObject(wentBack);
  });
});
