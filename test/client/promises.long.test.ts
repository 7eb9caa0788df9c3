import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { type Client, ConflictError, connect } from "../../clients/typescript/src/index.ts";
import { lock } from "../../clients/typescript/src/lock.ts";
import { connect as connectByGrpc } from "../../clients/typescript/src/node.ts";
import { createRandom, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { startTcpProxy, type TcpProxy } from "./tcp-proxy.ts";

// The connections of the clients are cut after any byte, and what they sent may reach the server late.

let server: ServerProcess;
let count = 0;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

const transports = { fetch: connect, gRPC: connectByGrpc };

describe.each(Object.entries(transports))("over %s", (_name, open) => {
  /** A client through a proxy that is cruel to its connections, and one that sees what really happened. */
  async function openBoth(bytesMax: number): Promise<{ proxy: TcpProxy; client: Client; direct: Client }> {
    console.log(`SEED=${seed}`);
    const random = createRandom(seed + ++count);
    const proxy = await startTcpProxy(server.address);
    // Not more in a row than the client may retry.
    let connections = 0;
    proxy.decide = () => {
      if (++connections % 5 === 0) return undefined;
      const kind = random.pick(["cut", "late"] as const);
      return { kind, afterBytes: random.below(bytesMax), delayMs: random.below(20) };
    };
    const prefix = `${count}/`;
    const retry = { baseMs: 1, maxMs: 20, budget: 10 };
    const client = open({ url: proxy.url, prefix, retry, timeoutMs: 120_000 });
    onTestFinished(() => client.close());
    return { proxy, client, direct: connect({ url: `http://${server.address}`, prefix }) };
  }

  test("each write happens once", async () => {
    const { proxy, client, direct } = await openBoth(3000);
    for (let round = 1; round <= 40; round++) {
      expect((await client.put("put", String(round))).version).toBe(round);
      await client.create("created", "1");
      expect(await client.delete("created")).toBe(true);
      await client.commit((batch) => batch.put("a", String(round)).put("b", String(round)));
      // A connection that was spared must not carry all the rest.
      if (round % 5 === 0) proxy.cutAll();
    }
    const versions = await Promise.all(
      ["put", "a", "b"].map(async (key) => (await direct.get(key))?.version),
    );
    expect(versions).toEqual([40, 40, 40]);
    const types = (await Array.fromAsync(direct.history("created"))).map(({ type }) => type);
    expect(types).toEqual(Array.from({ length: 40 }, () => ["delete", "put"]).flat());
  });

  test("a watch delivers each transaction once, whole and in order", async () => {
    const { proxy, client, direct } = await openBoth(5000);
    const watch = client.watch();
    const seen: string[] = [];
    const reading = (async () => {
      for await (const message of watch) {
        expect(message.type).not.toBe("reset");
        if (message.type === "changes") {
          seen.push(message.changes.map(({ key, entry }) => `${key}=${String(entry?.value)}`).join(" "));
        }
      }
    })();
    await until(() => watch.state === "live");
    const expected: string[] = [];
    for (let index = 0; index < 300; index++) {
      await direct.commit((batch) => batch.put("a", String(index)).put("b", String(index)));
      expected.push(`a=${index} b=${index}`);
      if (index % 20 === 0) proxy.cutAll();
    }
    await until(() => seen.length >= expected.length);
    await watch.close();
    await reading;
    expect(seen).toEqual(expected);
  });

  test("what a lock protects takes the writes of its holders alone, in the order of their fences", async () => {
    const { proxy, client, direct } = await openBoth(4000);
    const fences: number[] = [];
    let refused = 0;
    const work = async (worker: number): Promise<void> => {
      for (let round = 0; round < 4; round++) {
        const lease = await lock(client, "lock", { ttlMs: 1000, owner: String(worker) });
        // Every second holder falls silent until it has lost the lock, and writes all the same.
        if ((worker + round) % 2 === 0) {
          proxy.hold();
          await until(() => lease.signal.aborted);
          proxy.release();
          await until(async () => (await direct.get("lock"))?.revision !== lease.fence);
        }
        try {
          await direct.commit((batch) => batch.check(lease.check()).put("work", String(lease.fence)));
          fences.push(lease.fence);
        } catch (error) {
          expect(error).toBeInstanceOf(ConflictError);
          refused++;
        }
        await lease.release();
      }
    };
    await Promise.all([work(0), work(1), work(2)]);
    expect(refused).toBeGreaterThanOrEqual(6);
    const written = (await Array.fromAsync(direct.history("work"))).toReversed();
    expect(written.map(({ entry }) => Number(entry?.value))).toEqual(fences);
    expect(fences).toEqual(fences.toSorted((one, other) => one - other));
    expect(new Set(fences).size).toBe(fences.length);
  });
});
