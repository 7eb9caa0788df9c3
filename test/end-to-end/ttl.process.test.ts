import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, onTestFinished, test } from "vitest";
import type { Event } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { ClockedService, expectExpiry, updateTimeMs } from "./clocked-service.ts";
import { openClient, protocols } from "./every-client.ts";
import { expireAtOnce } from "./mass-expiry.ts";

const hourMs = 3_600_000;

async function expireTimeMs(client: KeyValueClient, key: string): Promise<number> {
  const { entry } = await client.get({ key });
  return entry?.expireTime ? timestampMs(entry.expireTime) : 0;
}

test("an entry ends by a delete at a revision of its own, in every protocol", async () => {
  const service = await ClockedService.start();
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
  const service = await ClockedService.start();
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
  const service = await ClockedService.start();
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
  const service = await ClockedService.start();
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
  const service = await ClockedService.start();
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
  const service = await ClockedService.start();
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

test("two thousand keys that expire in the same second are deleted, each at its own revision, without delaying other calls", () =>
  expireAtOnce(2_000, 2));
