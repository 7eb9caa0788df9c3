import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, onTestFinished, test } from "vitest";
import { type Event, Event_Type, type WatchResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { openClient, protocols } from "./every-client.ts";

const hourMs = 3_600_000;
const clockModule = new URL("./ttl-clock.ts", import.meta.url).href;

/** A server that is started again and again on the same log, with a wall clock that can be set. */
class Service {
  readonly #directory: string;
  #server: ServerProcess | undefined;
  #client: KeyValueClient | undefined;

  static async start(): Promise<Service> {
    const service = new Service(await temporaryDirectory());
    onTestFinished(() => service.end("SIGKILL"));
    await service.#start(0);
    return service;
  }

  private constructor(directory: string) {
    this.#directory = directory;
  }

  get client(): KeyValueClient {
    return this.#client as KeyValueClient;
  }

  get address(): string {
    return (this.#server as ServerProcess).address;
  }

  async restart(signal: "SIGTERM" | "SIGKILL", clockOffsetMs = 0): Promise<void> {
    await this.end(signal);
    await this.#start(clockOffsetMs);
  }

  /** Sets the wall clock of the running server. */
  async setClock(offsetMs: number): Promise<void> {
    await writeFile(this.#clockFile, String(offsetMs));
    process.kill((this.#server as ServerProcess).pid, "SIGUSR2");
  }

  async end(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.#client?.close();
    await this.#server?.stop(signal);
  }

  /** Puts a key with the shortest ttl, and resolves with the event of its end: the server has looked at its clock. */
  async witness(key: string): Promise<WatchResponse> {
    const { revision } = await this.client.put({ key, ttl: { seconds: 1n } });
    return this.next(key, revision, (event) => event.type === Event_Type.DELETE);
  }

  /** The first message after `revision` with an event of the key that is wanted. */
  async next(key: string, startRevision: bigint, wanted: (event: Event) => boolean): Promise<WatchResponse> {
    const controller = new AbortController();
    for await (const message of this.client.watch({ key, startRevision }, controller.signal)) {
      if (!message.events.some(wanted)) continue;
      controller.abort();
      return message;
    }
    throw new Error("the watch ended");
  }

  get #clockFile(): string {
    return join(this.#directory, "clock");
  }

  async #start(clockOffsetMs: number): Promise<void> {
    await writeFile(this.#clockFile, String(clockOffsetMs));
    this.#server = await startServerProcess(["--log", `file:${join(this.#directory, "log")}`], {
      NODE_OPTIONS: `--import=${clockModule}`,
      TEST_CLOCK: this.#clockFile,
    });
    this.#client = openClient("gRPC by Connect", this.#server.address);
  }
}

/** The end of a key must be a delete that says so, and not before its time by the server's clock. */
function expectExpiry(event: Event | undefined, revision: bigint, notBefore: number): void {
  expect(event).toMatchObject({ type: Event_Type.DELETE, expired: true, entry: { revision } });
  expect(updateTimeMs(event)).toBeGreaterThanOrEqual(notBefore);
}

function updateTimeMs(event: Event | undefined): number {
  return event?.entry?.updateTime ? timestampMs(event.entry.updateTime) : 0;
}

async function expireTimeMs(client: KeyValueClient, key: string): Promise<number> {
  const { entry } = await client.get({ key });
  return entry?.expireTime ? timestampMs(entry.expireTime) : 0;
}

test("an entry ends by a delete at a revision of its own, in every protocol", async () => {
  const service = await Service.start();
  for (const protocol of protocols) {
    const client = openClient(protocol, service.address);
    onTestFinished(() => client.close());
    const key = `put over ${protocol}`;
    const ttl = { seconds: 1n, nanos: 500_000_000 };
    const { revision, entry } = await client.put({ key, value: "x", ttl });
    const [update, expire] = [entry?.updateTime, entry?.expireTime].map((time) =>
      time ? timestampMs(time) : 0,
    );
    expect(Number(expire) - Number(update)).toBe(1500);
    const controller = new AbortController();
    const events: Event[] = [];
    const start = { key, startRevision: revision, previous: true };
    for await (const message of client.watch(start, controller.signal)) {
      events.push(...message.events);
      if (events.length === 1) controller.abort();
    }
    expectExpiry(events[0], revision + 1n, Number(expire));
    expect(events[0]?.previous?.value).toBe("x");
    await expect(client.get({ key })).rejects.toMatchObject({ reason: "NO_SUCH_KEY" });
  }
});

test("another put clears or extends the time to live; a delete forgets it", async () => {
  const service = await Service.start();
  const { client } = service;
  const ttl = { seconds: 1n };
  const keys = ["cleared", "extended", "shortened", "deleted", "committed", "committed, and cleared"];
  for (const key of keys) await client.put({ key, ttl: key === "shortened" ? { seconds: 3600n } : ttl });
  await client.put({ key: "cleared" });
  await client.put({ key: "extended", ttl: { seconds: 3600n } });
  await client.put({ key: "shortened", ttl });
  await client.delete({ key: "deleted" });
  const { revision } = await client.put({ key: "deleted", value: "again" });
  const { results } = await client.commit({
    mutations: [
      { kind: { case: "put", value: { key: "committed", ttl } } },
      { kind: { case: "put", value: { key: "committed, and cleared" } } },
    ],
  });
  expect(results.map(({ entry }) => entry?.expireTime !== undefined)).toEqual([true, false]);
  await service.next("shortened", revision, ({ expired }) => expired);
  await service.next("committed", revision, ({ expired }) => expired);
  await service.witness("witness");
  const { entries } = await client.list({});
  expect(entries.map(({ key }) => key)).toEqual(["cleared", "committed, and cleared", "deleted", "extended"]);
});

test("kill -9 and a restart neither lose a time to live nor begin it again", async () => {
  const service = await Service.start();
  const { revision } = await service.client.put({ key: "short", ttl: { seconds: 2n } });
  await service.client.put({ key: "long", ttl: { seconds: 3600n } });
  const before = await Promise.all(["short", "long"].map((key) => expireTimeMs(service.client, key)));
  await service.restart("SIGKILL");
  expect(await expireTimeMs(service.client, "long")).toBe(before[1]);
  const { events, revision: end } = await service.next("short", revision, ({ expired }) => expired);
  expectExpiry(events[0], end, before[0] as number);
  // The delete itself lasts as well.
  await service.restart("SIGKILL");
  await expect(service.client.get({ key: "short" })).rejects.toMatchObject({ reason: "NO_SUCH_KEY" });
  const again = await service.next("short", revision, () => true);
  expect(again.events[0]).toEqual(events[0]);
});

test("kill -9 and a restart keep what a touch made of a time to live, by the clock of the log", async () => {
  const service = await Service.start();
  const { client } = service;
  const { revision } = await client.put({ key: "ended", ttl: { seconds: 3600n } });
  for (const key of ["renewed", "permanent"]) await client.put({ key, ttl: { seconds: 1n } });
  await client.touch({ key: "renewed", ttl: { seconds: 1800n } });
  await client.touch({ key: "permanent" });
  const { entry } = await client.touch({ key: "ended", ttl: { seconds: 2n } });
  const ended = entry?.expireTime ? timestampMs(entry.expireTime) : 0;
  const renewed = await expireTimeMs(client, "renewed");
  await service.restart("SIGKILL");
  await service.setClock(hourMs);
  const end = await service.next("ended", revision, ({ expired }) => expired);
  expectExpiry(end.events[0], end.revision, ended);
  // Renewed and ended by touches alone, each entry still has the revision of its put.
  expect((await service.client.list({})).entries).toMatchObject([
    { key: "permanent", version: 1n },
    { key: "renewed", version: 1n },
  ]);
  const times = await Promise.all(["permanent", "renewed"].map((key) => expireTimeMs(service.client, key)));
  expect(times).toEqual([0, renewed]);
  await service.restart("SIGKILL", hourMs);
  const late = await service.next("renewed", revision, ({ expired }) => expired);
  expectExpiry(late.events[0], late.revision, renewed);
  expect((await service.client.list({})).entries.map(({ key }) => key)).toEqual(["permanent"]);
});

test("a clock that is set an hour forth or back while the service runs neither shortens nor prolongs", async () => {
  const service = await Service.start();
  await service.client.put({ key: "key", ttl: { seconds: 600n } });
  const expire = await expireTimeMs(service.client, "key");
  for (const [index, offset] of [hourMs, -hourMs, 0].entries()) {
    await service.setClock(offset);
    // It ends within its time, by a clock that has not jumped.
    const { events } = await service.witness(`witness ${index}`);
    expect(Math.abs(updateTimeMs(events[0]) - expire)).toBeLessThan(hourMs / 2);
    expect(await expireTimeMs(service.client, "key")).toBe(expire);
  }
});

test("across a restart time follows the wall clock, and never goes back behind the log", async () => {
  const service = await Service.start();
  const { client } = service;
  await client.put({ key: "long", ttl: { seconds: 1800n } });
  const { revision } = await client.put({ key: "short", ttl: { seconds: 3n } });
  const [long, short] = await Promise.all(["long", "short"].map((key) => expireTimeMs(client, key)));

  await service.restart("SIGTERM", -hourMs);
  const back = await service.next("short", revision, ({ expired }) => expired);
  expectExpiry(back.events[0], back.revision, short as number);
  expect(await expireTimeMs(service.client, "long")).toBe(long);

  // An hour that the server was down, for all that it can tell.
  await service.restart("SIGKILL", hourMs);
  const forth = await service.next("long", revision, ({ expired }) => expired);
  expectExpiry(forth.events[0], forth.revision, long as number);

  // The time of the log goes on from there.
  await service.restart("SIGTERM", 0);
  const last = await service.witness("witness");
  expect(updateTimeMs(last.events[0])).toBeGreaterThan(updateTimeMs(forth.events[0]));
});

test("ten thousand keys that expire in the same second are deleted, each at its own revision, without delaying other calls", async () => {
  const count = 10_000;
  const service = await Service.start();
  const { client } = service;
  const expireTimes = new Map<string, number>();
  // Four seconds, so that all are there before the first one goes.
  for (let first = 0; first < count; first += 500) {
    const puts = Array.from({ length: 500 }, (_, index) => ({
      kind: { case: "put" as const, value: { key: `key ${first + index}`, ttl: { seconds: 4n } } },
    }));
    const { results } = await client.commit({ mutations: puts });
    for (const { entry } of results) {
      if (entry?.expireTime) expireTimes.set(entry.key, timestampMs(entry.expireTime));
    }
  }
  expect(expireTimes.size).toBe(count);

  const revisions = new Set<bigint>();
  const controller = new AbortController();
  const watching = (async () => {
    for await (const { events, revision } of client.watch(
      { prefix: "key ", startRevision: 0n },
      controller.signal,
    )) {
      for (const event of events) {
        if (event.type !== Event_Type.DELETE) continue;
        expect(events).toHaveLength(1);
        expectExpiry(event, revision, expireTimes.get(event.entry?.key as string) as number);
        revisions.add(revision);
      }
      if (revisions.size === count) controller.abort();
    }
  })();
  const other = openClient("REST", service.address);
  let writes = 0;
  let during = 0;
  while (!controller.signal.aborted) {
    await other.put({ key: "other", value: String(writes++) });
    if (revisions.size > 0 && revisions.size < count) during++;
  }
  await watching;
  expect(during, "writes between the first and the last expiry").toBeGreaterThan(0);
  const { entries, revision } = await client.list({});
  expect(entries.map(({ key, value }) => [key, value])).toEqual([["other", String(writes - 1)]]);
  expect(revision).toBe(BigInt(count / 500 + writes + count));
});
