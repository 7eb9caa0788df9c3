import {
  type Client,
  ConflictError,
  type ConnectOptions,
  connect,
  TimeoutError,
} from "../../../clients/typescript/src/index.ts";
import { lock } from "../../../clients/typescript/src/lock.ts";

// The promises of the client, checked without Node's modules and without Vitest, so that they run in every runtime.

/** What a check works with. */
interface World {
  /** A client whose requests and responses get lost. */
  readonly client: Client;
  /** A client of the same keys without faults. */
  readonly direct: Client;
}

const checks: Readonly<Record<string, (world: World) => Promise<void>>> = {
  async "text and bytes come back as they were written"({ client }) {
    const bytes = Uint8Array.from({ length: 20_000 }, (_, index) => index % 256);
    await client.put("text", "grüße");
    await client.put("bytes", bytes);
    const { entries } = await client.getMany(["text", "bytes", "none"]);
    same(entries.get("text")?.value, "grüße");
    same(Array.from(entries.get("bytes")?.value as Uint8Array), Array.from(bytes));
    same([...entries.keys()], ["text", "bytes"]);
  },

  async "each write happens once"({ client, direct }) {
    for (let round = 1; round <= 20; round++) {
      same((await client.put("put", String(round))).version, round);
      await client.create("created", "1");
      same(await client.delete("created"), true);
      await client.commit((batch) => batch.put("a", String(round)).put("b", String(round)));
    }
    for (const key of ["put", "a", "b"]) same((await direct.get(key))?.version, 20);
    const types = (await collect(direct.history("created"))).map(({ type }) => type);
    same(types, Array.from({ length: 20 }, () => ["delete", "put"]).flat());
  },

  async "a watch delivers each transaction once, whole and in order"({ client, direct }) {
    const watch = client.watch({ prefix: "w" });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const message of watch) {
        if (message.type === "reset") throw new Error("the watch started over");
        if (message.type !== "changes") continue;
        seen.push(message.changes.map(({ key, entry }) => `${key}=${String(entry?.value)}`).join(" "));
        if (seen.length === 100) return;
      }
    })();
    while (watch.state !== "live") await pause(5);
    const expected: string[] = [];
    for (let index = 0; index < 100; index++) {
      await direct.commit((batch) => batch.put("w1", String(index)).put("w2", String(index)));
      expected.push(`w1=${index} w2=${index}`);
      // Each of these is a call that may cut the watch.
      if (index % 5 === 0) await client.put("other", "x");
    }
    await reading;
    await watch.close();
    same(seen, expected);
  },

  async "a lock has one holder at a time"({ client }) {
    const fences: number[] = [];
    let holders = 0;
    const work = async () => {
      for (let round = 0; round < 3; round++) {
        const lease = await lock(client, "lock", { ttlMs: 600_000 });
        same(++holders, 1);
        const count = Number((await client.get("count"))?.value ?? 0);
        await client.commit((batch) => batch.check(lease.check()).put("count", String(count + 1)));
        fences.push(lease.fence);
        holders--;
        await lease.release();
      }
    };
    await Promise.all([work(), work(), work()]);
    same((await client.get("count"))?.value, "9");
    same(
      fences,
      fences.toSorted((one, other) => one - other),
    );
  },

  async "concurrent updates all count, and a condition that fails is a ConflictError"({ client }) {
    const work = async () => {
      for (let round = 0; round < 4; round++) {
        await client.update("n", (entry) => String(Number(entry?.value ?? 0) + 1));
      }
    };
    // With more at once their retries would use up the budget.
    await Promise.all([work(), work(), work()]);
    same((await client.get("n"))?.value, "12");
    const error = await client.create("n", "1").catch((reason: unknown) => reason);
    same(error instanceof ConflictError, true);
  },

  async "pages, counts and levels are complete"({ client }) {
    const keys = Array.from({ length: 25 }, (_, index) => `list/${String(index).padStart(2, "0")}/x`);
    await client.commit((batch) => {
      for (const key of keys) batch.put(key, "");
    });
    same(await collect(client.keys({ prefix: "list/" }, { pageSize: 10 })), keys);
    same(await client.count({ prefix: "list/" }), 25);
    same((await collect(client.dirs("list/"))).length, 25);
  },

  async "a call ends at its timeout and when it is aborted"({ client }) {
    const late = await client.status({ timeoutMs: 100 }).catch((reason: unknown) => reason);
    same(late instanceof TimeoutError, true);
    const controller = new AbortController();
    const call = client.status({ signal: controller.signal }).catch((reason: { code: string }) => reason);
    await pause(20);
    controller.abort();
    same(((await call) as { code: string }).code, "canceled");
  },
};

/**
 * Checks all promises with a client of each URL: `faulty` loses, cuts and doubles calls, and holds those of GetStatus.
 * Resolves with the names of the checks that passed, and what is wrong with the others.
 */
export async function checkPromises(faulty: string, direct: string): Promise<Record<string, string>> {
  const results: Record<string, string> = {};
  let number = 0;
  for (const [name, check] of Object.entries(checks)) {
    const prefix = `${number++}/`;
    const options: Omit<ConnectOptions, "url"> = {
      prefix,
      timeoutMs: 120_000,
      retry: { baseMs: 1, maxMs: 20, budget: 10 },
    };
    const world = {
      client: connect({ url: faulty, ...options }),
      direct: connect({ url: direct, ...options }),
    };
    results[name] = await check(world).then(
      () => "passed",
      (error: Error) => `${error.message}\n${error.stack}`,
    );
    await Promise.all([world.client.close(), world.direct.close()]);
  }
  return results;
}

function same(actual: unknown, expected: unknown): void {
  const [one, other] = [JSON.stringify(actual), JSON.stringify(expected)];
  if (one !== other) throw new Error(`${one} is not ${other}`);
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
