import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Entry, Event_Type, type WatchResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { CallFailure, KeyValueClient } from "../support/key-value-client.ts";
import { until } from "../support/until.ts";
import { uuid7 } from "../support/uuid7.ts";
import { acceptedKeys, acceptedValues, refusedKeys } from "./verdicts.ts";

/** What every protocol must do alike. Keys of one run begin with a prefix of its own. */
export function keyValueSuite(name: string, connect: () => KeyValueClient): void {
  describe(name, () => {
    const prefix = `suite/${name}/`;
    const hour = { seconds: 3600n };
    let client: KeyValueClient;
    /** Of a key whose time to live ends while other tests run. */
    let expiring: Awaited<ReturnType<KeyValueClient["put"]>>;
    beforeAll(async () => {
      client = connect();
      const ttl = { seconds: 1n };
      // On a busy machine it may end before the touch.
      await until(async () => {
        await client.put({ key: `${prefix}renewed`, value: "x", ttl });
        await client.touch({ key: `${prefix}renewed`, ttl: hour });
      });
      expiring = await client.put({ key: `${prefix}expiring`, value: "x", ttl });
    });
    afterAll(() => client.close());

    async function failure(call: Promise<unknown>): Promise<CallFailure> {
      try {
        await call;
      } catch (error) {
        return error as CallFailure;
      }
      throw new Error("the call succeeded");
    }

    describe("put, get and delete", () => {
      it("reads what was written, and what is known about it", async () => {
        const key = `${prefix}known`;
        const first = await client.put({ key, value: "one" });
        const second = await client.put({ key, value: "two" });
        const { entry, revision } = await client.get({ key });
        expect(second.revision).toBeGreaterThan(first.revision);
        expect(revision).toBeGreaterThanOrEqual(second.revision);
        expect(entry).toMatchObject({
          key,
          value: "two",
          revision: second.revision,
          createRevision: first.revision,
          version: 2n,
        });
        expect(entry?.bytesValue).toBeUndefined();
        expect(entry?.expireTime).toBeUndefined();
        expect(Math.abs(Number(entry?.updateTime?.seconds) - Date.now() / 1000)).toBeLessThan(60);
      });

      it("answers a put with the entry as stored, without its value", async () => {
        const { entry, revision } = await client.put({ key: `${prefix}stored`, value: "x" });
        expect(entry).toMatchObject({
          key: `${prefix}stored`,
          revision,
          createRevision: revision,
          version: 1n,
        });
        expect(entry?.value).toBeUndefined();
      });

      it("deletes, says whether there was anything, and starts anew", async () => {
        const key = `${prefix}deleted`;
        const { revision } = await client.put({ key, value: "x" });
        const gone = await client.delete({ key });
        expect(gone.deleted).toBe(true);
        expect(gone.revision).toBeGreaterThan(revision);
        const again = await client.delete({ key });
        expect(again.deleted).toBe(false);
        expect(again.revision).toBeGreaterThanOrEqual(gone.revision);
        expect(await failure(client.get({ key }))).toMatchObject({
          code: "not_found",
          reason: "NO_SUCH_KEY",
        });
        const { entry } = await client.put({ key, value: "y" });
        expect(entry).toMatchObject({ version: 1n, createRevision: entry?.revision });
      });

      it("stores the empty text when no value is given", async () => {
        await client.put({ key: `${prefix}empty` });
        expect((await client.get({ key: `${prefix}empty` })).entry?.value).toBe("");
      });

      it("refuses a minimum revision that is not reached in time", async () => {
        const { revision } = await client.put({ key: `${prefix}fresh`, value: "x" });
        expect((await client.get({ key: `${prefix}fresh`, minRevision: revision })).entry?.value).toBe("x");
        expect(await failure(client.get({ key: `${prefix}fresh`, minRevision: -1n }))).toMatchObject({
          code: "invalid_argument",
          reason: "REVISION_INVALID",
        });
        expect(
          await failure(client.get({ key: `${prefix}fresh`, minRevision: revision + 1_000_000n })),
        ).toMatchObject({ code: "unavailable", reason: "REVISION_NOT_REACHED" });
      });
    });

    describe("keys", () => {
      it.each(acceptedKeys(prefix))("accepts $name and returns it byte for byte", async ({ key }) => {
        const { revision } = await client.put({ key, value: `value of ${key}` });
        const { entry } = await client.get({ key });
        expect(entry).toMatchObject({ key, value: `value of ${key}`, revision });
        const { entries, missingKeys } = await client.batchGet({ keys: [key] });
        expect(entries.map((each) => each.key)).toEqual([key]);
        expect(missingKeys).toEqual([]);
        expect((await client.delete({ key })).deleted).toBe(true);
      });

      it.each(refusedKeys)("refuses $name everywhere", async ({ key, reason }) => {
        const refusal = { code: "invalid_argument", reason };
        expect(await failure(client.put({ key, value: "x" }))).toMatchObject(refusal);
        expect(await failure(client.get({ key }))).toMatchObject(refusal);
        expect(await failure(client.delete({ key }))).toMatchObject(refusal);
        expect(await failure(client.batchGet({ keys: ["fine", key] }))).toMatchObject(refusal);
        const put = { kind: { case: "put", value: { key, value: "x" } } } as const;
        expect(await failure(client.commit({ mutations: [put] }))).toMatchObject(refusal);
      });
    });

    describe("values", () => {
      it.each(acceptedValues)("returns $name as it was written", async ({ value }) => {
        const key = `${prefix}value`;
        await client.put({ key, ...(typeof value === "string" ? { value } : { bytesValue: value }) });
        const { entry } = await client.get({ key });
        if (typeof value === "string") {
          expect(entry?.value).toBe(value);
          expect(entry?.bytesValue).toBeUndefined();
        } else {
          expect(Buffer.from(entry?.bytesValue ?? []).equals(value)).toBe(true);
          expect(entry?.value).toBeUndefined();
        }
      });

      it("refuses a value one byte over the limit", async () => {
        const refusal = { code: "resource_exhausted", reason: "VALUE_TOO_LARGE" };
        const key = `${prefix}large`;
        expect(await failure(client.put({ key, value: "x".repeat(1024 * 1024 + 1) }))).toMatchObject(refusal);
        const bytesValue = new Uint8Array(1024 * 1024 + 1).fill(0xff);
        expect(await failure(client.put({ key, bytesValue }))).toMatchObject(refusal);
      });
    });

    describe("preconditions", () => {
      it("puts only at the revision that is asked for", async () => {
        const key = `${prefix}cas`;
        const { revision } = await client.put({ key, value: "1" });
        const at = (value: bigint) => ({ condition: { case: "revision", value } }) as const;
        const second = await client.put({ key, value: "2", precondition: at(revision) });
        expect(await failure(client.put({ key, value: "3", precondition: at(revision) }))).toMatchObject({
          code: "aborted",
          reason: "REVISION_MISMATCH",
          metadata: { current_revision: String(second.revision) },
        });
        expect(await failure(client.delete({ key, precondition: at(revision) }))).toMatchObject({
          code: "aborted",
          reason: "REVISION_MISMATCH",
        });
        expect((await client.get({ key })).entry?.value).toBe("2");
        expect((await client.delete({ key, precondition: at(second.revision) })).deleted).toBe(true);
      });

      it("puts only what exists, or only what does not", async () => {
        const key = `${prefix}exists`;
        const exists = (value: boolean) => ({ condition: { case: "exists", value } }) as const;
        expect(await failure(client.put({ key, value: "x", precondition: exists(true) }))).toMatchObject({
          code: "aborted",
          reason: "REVISION_MISMATCH",
          metadata: { current_revision: "0" },
        });
        const { revision } = await client.put({ key, value: "x", precondition: exists(false) });
        expect(await failure(client.put({ key, value: "y", precondition: exists(false) }))).toMatchObject({
          code: "already_exists",
          reason: "KEY_EXISTS",
          metadata: { current_revision: String(revision) },
        });
        await client.put({ key, value: "z", precondition: exists(true) });
        expect((await client.delete({ key, precondition: exists(true) })).deleted).toBe(true);
        expect(await failure(client.delete({ key, precondition: exists(true) }))).toMatchObject({
          code: "aborted",
        });
      });
    });

    describe("list", () => {
      const names = ["a", "a/1", "a/2", "b", "é", "\uffee", "\u{1f600}"];
      const keys = names.map((each) => `${prefix}list/${each}`);
      const keysOf = (entries: readonly Entry[]) => entries.map(({ key }) => key);

      beforeAll(async () => {
        for (const key of keys) await client.put({ key, value: key });
      });

      it("gives the entries of a prefix in the byte order of UTF-8, either way round", async () => {
        const forward = await client.list({ prefix: `${prefix}list/` });
        expect(keysOf(forward.entries)).toEqual(keys);
        expect(forward.entries.map(({ value }) => value)).toEqual(keys);
        expect(forward.nextPageToken).toBe("");
        const backward = await client.list({ prefix: `${prefix}list/`, reverse: true });
        expect(keysOf(backward.entries)).toEqual(keys.toReversed());
      });

      it("gives the keys from a start to before an end", async () => {
        const range = { start: `${prefix}list/a/1`, end: `${prefix}list/é` };
        expect(keysOf((await client.list(range)).entries)).toEqual(keys.slice(1, 4));
        expect(keysOf((await client.list({ ...range, reverse: true })).entries)).toEqual(
          keys.slice(1, 4).toReversed(),
        );
        expect((await client.list({ start: range.end, end: range.start })).entries).toEqual([]);
      });

      it.each([false, true])("gives every key once, page by page (reverse: %s)", async (reverse) => {
        const seen: string[] = [];
        let pageToken = "";
        do {
          const page = await client.list({ prefix: `${prefix}list/`, reverse, pageSize: 2, pageToken });
          expect(page.entries.length).toBeLessThanOrEqual(2);
          seen.push(...keysOf(page.entries));
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect(seen).toEqual(reverse ? keys.toReversed() : keys);
      });

      it("leaves out values, or everything but the count", async () => {
        const { entries } = await client.list({ prefix: `${prefix}list/`, keysOnly: true });
        expect(keysOf(entries)).toEqual(keys);
        expect(entries.every(({ value, revision }) => value === undefined && revision > 0n)).toBe(true);
        const counted = await client.list({ prefix: `${prefix}list/`, countOnly: true });
        expect(counted).toMatchObject({ count: BigInt(keys.length), entries: [] });
      });

      it.each([false, true])("gives one level, page by page (reverse: %s)", async (reverse) => {
        const base = `${prefix}level/`;
        const parts = ["a", "b/", "b/1", "b/2/3", "b!", "c/x/y", "d", "\u{1f600}/e", "\u{1f600}f"];
        for (const part of parts) await client.put({ key: base + part, value: part });
        const items: string[] = [];
        let pageToken = "";
        do {
          const request = { prefix: base, delimiter: "/", reverse, pageSize: 2, pageToken };
          const page = await client.list(request);
          expect(page.entries.length + page.prefixes.length).toBeLessThanOrEqual(2);
          expect(page.entries.every(({ key, value }) => key === base + value)).toBe(true);
          items.push(...keysOf(page.entries), ...page.prefixes);
          pageToken = page.nextPageToken;
        } while (pageToken !== "");
        expect(items.toSorted()).toEqual(
          ["a", "b/", "b!", "c/", "d", "\u{1f600}/", "\u{1f600}f"].map((part) => base + part).toSorted(),
        );
      });

      it("bounds a page in bytes", async () => {
        const value = "x".repeat(1024 * 1024);
        for (const each of "abcd") await client.put({ key: `${prefix}heavy/${each}`, value });
        const first = await client.list({ prefix: `${prefix}heavy/` });
        expect(first.entries.length).toBe(2);
        const { nextPageToken: pageToken } = first;
        const second = await client.list({ prefix: `${prefix}heavy/`, pageToken });
        expect(keysOf([...first.entries, ...second.entries])).toEqual(
          ["a", "b", "c", "d"].map((each) => `${prefix}heavy/${each}`),
        );
        for (const each of "abcd") await client.delete({ key: `${prefix}heavy/${each}` });
      });

      it("refuses what makes no sense", async () => {
        const { nextPageToken } = await client.list({ prefix: `${prefix}list/`, pageSize: 1 });
        const refused = [
          [{ prefix: "a", start: "b" }, "RANGE_INVALID"],
          [{ prefix: "a", end: "b" }, "RANGE_INVALID"],
          [{ pageSize: -1 }, "PAGE_SIZE_INVALID"],
          [{ delimiter: "/", countOnly: true }, "RANGE_INVALID"],
          [{ delimiter: "\0" }, "KEY_INVALID"],
          [{ prefix: `${prefix}list/`, delimiter: "/", pageToken: nextPageToken }, "PAGE_TOKEN_INVALID"],
          [{ pageToken: "no token" }, "PAGE_TOKEN_INVALID"],
          [{ pageToken: nextPageToken }, "PAGE_TOKEN_INVALID"],
          [{ prefix: `${prefix}list/`, reverse: true, pageToken: nextPageToken }, "PAGE_TOKEN_INVALID"],
          [{ prefix: "x".repeat(1025) }, "KEY_TOO_LONG"],
        ] as const;
        for (const [request, reason] of refused) {
          expect(await failure(client.list(request))).toMatchObject({ code: "invalid_argument", reason });
        }
      });
    });

    describe("batchGet", () => {
      it("reads many keys at one revision, in the order asked for", async () => {
        const keys = ["x", "y", "z"].map((each) => `${prefix}batch/${each}`);
        await client.put({ key: keys[0] as string, value: "0" });
        const { revision } = await client.put({ key: keys[2] as string, bytesValue: new Uint8Array([0xff]) });
        const answer = await client.batchGet({ keys: keys.toReversed() });
        expect(answer.entries.map(({ key }) => key)).toEqual([keys[2], keys[0]]);
        expect(answer.missingKeys).toEqual([keys[1]]);
        expect(answer.revision).toBeGreaterThanOrEqual(revision);
      });

      it("refuses none, and more than a thousand", async () => {
        for (const keys of [[], Array.from({ length: 1001 }, (_, index) => `k${index}`)]) {
          expect(await failure(client.batchGet({ keys }))).toMatchObject({
            code: "invalid_argument",
            reason: "TOO_MANY_OPERATIONS",
          });
        }
      });

      it("refuses to answer with more than four mebibytes", async () => {
        const keys = ["a", "b", "c", "d", "e"].map((each) => `${prefix}batch/heavy/${each}`);
        for (const key of keys) await client.put({ key, value: "x".repeat(1024 * 1024) });
        expect(await failure(client.batchGet({ keys }))).toMatchObject({
          code: "resource_exhausted",
          reason: "RESPONSE_TOO_LARGE",
        });
        for (const key of keys) await client.delete({ key });
      });
    });

    describe("the past", () => {
      const keys = ["a", "b", "c"].map((each) => `${prefix}past/${each}`);
      const [a, b, c] = keys as [string, string, string];
      const range = { prefix: `${prefix}past/` };
      const valuesOf = (entries: Entry[]) => entries.map(({ key, value }) => [key, value]);

      it("reads the state at an earlier revision", async () => {
        for (const key of keys) await client.delete({ key });
        await client.put({ key: a, value: "1" });
        const { revision: atRevision } = await client.put({ key: b, value: "1" });
        await client.put({ key: a, value: "2" });
        await client.delete({ key: b });
        await client.put({ key: c, value: "2" });
        const then = [
          [a, "1"],
          [b, "1"],
        ];
        const got = await client.get({ key: b, atRevision });
        expect([got.revision, got.entry?.value]).toEqual([atRevision, "1"]);
        const batch = await client.batchGet({ keys, atRevision });
        expect([batch.revision, valuesOf(batch.entries), batch.missingKeys]).toEqual([atRevision, then, [c]]);
        const listed = await client.list({ ...range, atRevision });
        expect([listed.revision, valuesOf(listed.entries)]).toEqual([atRevision, then]);
        const reversed = await client.list({ ...range, atRevision, reverse: true });
        expect(valuesOf(reversed.entries)).toEqual(then.toReversed());
        const counted = await client.list({ ...range, atRevision, countOnly: true });
        expect([counted.revision, counted.count]).toEqual([atRevision, 2n]);
        expect(await failure(client.get({ key: c, atRevision }))).toMatchObject({
          reason: "NO_SUCH_KEY",
          metadata: { revision: String(atRevision) },
        });
      });

      it("reads the expire time that an entry had before a touch, which is no version", async () => {
        const key = `${prefix}past/touched`;
        const { revision: atRevision } = await client.put({ key, value: "x", ttl: { seconds: 1000n } });
        const { entry: before } = await client.get({ key });
        await client.touch({ key });
        const { entry: after } = await client.get({ key });
        const { entry: past } = await client.get({ key, atRevision });
        expect(after?.expireTime).toBeUndefined();
        expect(past).toEqual(before);
        expect((await client.history({ key })).events).toHaveLength(1);
        await client.delete({ key });
      });

      it("goes on with the pages of a list at the revision of the first", async () => {
        for (const key of keys) await client.put({ key, value: "old" });
        let page = await client.list({ ...range, pageSize: 1 });
        const { revision } = page;
        const listed = valuesOf(page.entries);
        for (const key of keys) await client.put({ key, value: "new" });
        await client.delete({ key: c });
        while (page.nextPageToken !== "") {
          page = await client.list({ ...range, pageSize: 1, pageToken: page.nextPageToken });
          expect(page.revision).toBe(revision);
          listed.push(...valuesOf(page.entries));
        }
        expect(listed).toEqual(keys.map((key) => [key, "old"]));
      });

      it("refuses a revision that is negative or not reached in time", async () => {
        const { revision } = await client.put({ key: a });
        const calls = [
          (atRevision: bigint) => client.get({ key: a, atRevision }),
          (atRevision: bigint) => client.batchGet({ keys: [a], atRevision }),
          (atRevision: bigint) => client.list({ atRevision }),
        ];
        for (const call of calls) {
          expect(await failure(call(-1n))).toMatchObject({
            code: "invalid_argument",
            reason: "REVISION_INVALID",
          });
        }
        expect(await failure(client.get({ key: a, atRevision: revision + 1_000_000n }))).toMatchObject({
          code: "unavailable",
          reason: "REVISION_NOT_REACHED",
        });
      });

      it("gives the versions of a key, the newest first, page by page", async () => {
        const key = `${prefix}past/versions`;
        const first = await client.put({ key, value: "1" });
        const second = await client.put({ key, value: "2" });
        const third = await client.delete({ key });
        const fourth = await client.put({ key, value: "4" });
        const whole = await client.history({ key });
        expect(whole.revision).toBeGreaterThanOrEqual(fourth.revision);
        expect(whole.oldestRevision).toBeLessThan(first.revision);
        expect(whole.nextPageToken).toBe("");
        const { PUT, DELETE } = Event_Type;
        expect(whole.events).toMatchObject([
          { type: PUT, entry: { key, value: "4", revision: fourth.revision, version: 1n } },
          { type: DELETE, entry: { key, revision: third.revision }, expired: false },
          { type: PUT, entry: { key, value: "2", revision: second.revision, version: 2n } },
          { type: PUT, entry: { key, value: "1", revision: first.revision } },
        ]);
        const paged: unknown[] = [];
        for (let pageToken = "", more = true; more; more = pageToken !== "") {
          const page = await client.history({ key, pageSize: 3, pageToken });
          paged.push(...page.events);
          pageToken = page.nextPageToken;
        }
        expect(paged).toEqual(whole.events);
      });

      it("has no versions of an unknown key, and refuses what makes no sense", async () => {
        const key = `${prefix}past/unknown`;
        expect((await client.history({ key })).events).toEqual([]);
        for (let count = 0; count < 2; count++) await client.put({ key: a });
        const { nextPageToken: pageToken } = await client.history({ key: a, pageSize: 1 });
        expect(pageToken).not.toBe("");
        const refused = [
          [{ key: "" }, "KEY_EMPTY"],
          [{ key, pageSize: -1 }, "PAGE_SIZE_INVALID"],
          [{ key, pageToken }, "PAGE_TOKEN_INVALID"],
        ] as const;
        for (const [request, reason] of refused) {
          expect(await failure(client.history(request))).toMatchObject({ code: "invalid_argument", reason });
        }
      });
    });

    describe("commit", () => {
      const put = (key: string, value: string) => ({ kind: { case: "put", value: { key, value } } }) as const;
      const remove = (key: string) => ({ kind: { case: "delete", value: { key } } }) as const;
      const exists = (key: string, value: boolean) => ({
        key,
        precondition: { condition: { case: "exists", value } } as const,
      });

      it("makes all changes at one revision", async () => {
        const [a, b, c] = [`${prefix}commit/a`, `${prefix}commit/b`, `${prefix}commit/c`];
        await client.put({ key: b, value: "old" });
        const answer = await client.commit({
          checks: [exists(a, false), exists(b, true)],
          mutations: [put(a, "1"), remove(b), remove(c)],
        });
        expect(answer.results[0]?.entry).toMatchObject({ key: a, revision: answer.revision, version: 1n });
        expect(answer.results.map(({ deleted }) => deleted)).toEqual([false, true, false]);
        const { entries, missingKeys } = await client.batchGet({ keys: [a, b, c] });
        expect(entries.map(({ key, value, revision }) => ({ key, value, revision }))).toEqual([
          { key: a, value: "1", revision: answer.revision },
        ]);
        expect(missingKeys).toEqual([b, c]);
      });

      it("changes nothing when one check fails, and says which", async () => {
        const [a, b] = [`${prefix}failed/a`, `${prefix}failed/b`];
        const { revision } = await client.put({ key: b, value: "b" });
        const checks = [exists(a, false), exists(b, false)];
        expect(await failure(client.commit({ checks, mutations: [put(a, "1"), remove(b)] }))).toMatchObject({
          code: "already_exists",
          reason: "KEY_EXISTS",
          metadata: { check: "1", current_revision: String(revision) },
        });
        const { entries } = await client.batchGet({ keys: [a, b] });
        expect(entries.map(({ key }) => key)).toEqual([b]);
      });

      it("refuses what makes no sense", async () => {
        const many = Array.from({ length: 1001 }, (_, index) => remove(`k${index}`));
        const refused = [
          [{ mutations: [put("a", "1"), remove("a")] }, "KEY_REPEATED"],
          [{ mutations: many }, "TOO_MANY_OPERATIONS"],
          [{}, "REQUEST_MALFORMED"],
          [{ mutations: [{}] }, "REQUEST_MALFORMED"],
          [{ checks: [{ key: "a" }] }, "PRECONDITION_INVALID"],
        ] as const;
        for (const [request, reason] of refused) {
          expect(await failure(client.commit(request as Parameters<typeof client.commit>[0]))).toMatchObject({
            code: "invalid_argument",
            reason,
          });
        }
      });
    });

    describe("time to live", () => {
      it("deletes the entry after its time, and says when that is", async () => {
        const key = `${prefix}expiring`;
        const { entry } = expiring;
        const milliseconds =
          Number((entry?.expireTime?.seconds ?? 0n) - (entry?.updateTime?.seconds ?? 0n)) * 1000 +
          ((entry?.expireTime?.nanos ?? 0) - (entry?.updateTime?.nanos ?? 0)) / 1e6;
        expect(milliseconds).toBe(1000);
        await expect
          .poll(() => failure(client.get({ key })).catch(() => undefined))
          .toMatchObject({ reason: "NO_SUCH_KEY" });
      });

      it("refuses less than a second", async () => {
        for (const ttl of [{ seconds: 0n, nanos: 999_000_000 }, { seconds: -1n }, {}]) {
          expect(await failure(client.put({ key: `${prefix}short`, value: "x", ttl }))).toMatchObject({
            code: "invalid_argument",
            reason: "TTL_INVALID",
          });
        }
      });
    });

    describe("touch", () => {
      it("changes when an entry expires and nothing else, at a revision that watches do not stop at", async () => {
        const key = `${prefix}touched`;
        const put = await client.put({ key, value: "x", ttl: { seconds: 60n } });
        const touched = await client.touch({ key, ttl: hour });
        expect(touched.revision).toBeGreaterThan(put.revision);
        const { expireTime, ...rest } = touched.entry as Entry;
        const { expireTime: before, ...stored } = put.entry as Entry;
        expect(rest).toEqual(stored);
        expect(Number((expireTime?.seconds ?? 0n) - (before?.seconds ?? 0n))).toBeGreaterThan(3000);
        const { entry } = await client.get({ key });
        expect(entry).toEqual({ ...touched.entry, value: "x" });
        const permanent = await client.touch({ key });
        expect(permanent.entry).toEqual(stored);
        const second = await client.put({ key, value: "y" });
        expect(second.entry).toMatchObject({ version: 2n });
        const abort = new AbortController();
        const watch = client
          .watch({ key, startRevision: put.revision }, abort.signal)
          [Symbol.asyncIterator]();
        expect(await nextContent(watch)).toMatchObject({
          revision: second.revision,
          events: [{ entry: { value: "y" } }],
        });
        abort.abort();
      });

      it("renews an entry that would have expired", async () => {
        await expect
          .poll(() => failure(client.get({ key: `${prefix}expiring` })).catch(() => undefined))
          .toMatchObject({ reason: "NO_SUCH_KEY" });
        expect((await client.get({ key: `${prefix}renewed` })).entry?.value).toBe("x");
      });

      it("fails without the key, and when its precondition does not hold", async () => {
        const key = `${prefix}untouched`;
        expect(await failure(client.touch({ key }))).toMatchObject({
          code: "not_found",
          reason: "NO_SUCH_KEY",
        });
        const { revision } = await client.put({ key, value: "x" });
        const at = (value: bigint) => ({ condition: { case: "revision", value } }) as const;
        expect(await failure(client.touch({ key, precondition: at(revision + 1n) }))).toMatchObject({
          code: "aborted",
          reason: "REVISION_MISMATCH",
          metadata: { current_revision: String(revision) },
        });
        const precondition = { condition: { case: "exists", value: false } } as const;
        expect(await failure(client.touch({ key, precondition }))).toMatchObject({
          code: "already_exists",
          reason: "KEY_EXISTS",
        });
        await client.touch({ key, precondition: at(revision) });
        expect((await client.touch({ key, precondition: at(revision) })).entry?.revision).toBe(revision);
      });

      it("refuses less than a second, and keys that cannot be", async () => {
        for (const ttl of [{ seconds: 0n, nanos: 999_000_000 }, { seconds: -1n }, {}]) {
          const refusal = { code: "invalid_argument", reason: "TTL_INVALID" };
          expect(await failure(client.touch({ key: "a", ttl }))).toMatchObject(refusal);
        }
        for (const { key, reason } of refusedKeys) {
          const refusal = { code: "invalid_argument", reason };
          expect(await failure(client.touch({ key }))).toMatchObject(refusal);
        }
      });
    });

    describe("request ids", () => {
      it("answer a repeat as the first request was answered, and change nothing again", async () => {
        const key = `${prefix}repeated`;
        const put = { key, value: "1", ttl: { seconds: 60n }, requestId: uuid7(Date.now()) };
        const first = await client.put(put);
        const touch = { key, requestId: uuid7(Date.now()) };
        const touched = await client.touch(touch);
        const remove = { key, requestId: uuid7(Date.now()) };
        const removed = await client.delete(remove);
        const removeAgain = { key, requestId: uuid7(Date.now()) };
        const nothing = await client.delete(removeAgain);
        const commit = {
          checks: [{ key, precondition: { condition: { case: "exists", value: false } } as const }],
          mutations: [
            { kind: { case: "put", value: { key, value: "2" } } as const },
            { kind: { case: "delete", value: { key: `${key}/none` } } as const },
          ],
          requestId: uuid7(Date.now()),
        };
        const committed = await client.commit(commit);
        expect(removed.deleted).toBe(true);
        // It is remembered, at a revision of its own.
        expect([nothing.deleted, nothing.revision > removed.revision]).toEqual([false, true]);
        expect(await client.put(put)).toEqual(first);
        expect(await client.touch(touch)).toEqual(touched);
        expect(await client.delete(remove)).toEqual(removed);
        expect(await client.delete(removeAgain)).toEqual(nothing);
        expect(await client.commit(commit)).toEqual(committed);
        const { entry } = await client.get({ key });
        expect(entry).toMatchObject({ value: "2", revision: committed.revision, version: 1n });
      });

      it("are refused when they are malformed, too old, ahead, or used for something else", async () => {
        const key = `${prefix}refused id`;
        const put = { key, value: "1" };
        const [version4, variant] = [uuid7(Date.now()), uuid7(Date.now())];
        version4[6] = ((version4[6] as number) & 0x0f) | 0x40;
        variant[8] = ((variant[8] as number) & 0x3f) | 0xc0;
        const invalid = [version4, variant, uuid7(Date.now()).slice(1), uuid7(Date.now() + 3_600_000)];
        for (const requestId of invalid) {
          const refusal = { code: "invalid_argument", reason: "REQUEST_ID_INVALID" };
          expect(await failure(client.put({ ...put, requestId }))).toMatchObject(refusal);
          expect(await failure(client.delete({ key, requestId }))).toMatchObject(refusal);
          expect(await failure(client.touch({ key, requestId }))).toMatchObject(refusal);
          const mutations = [{ kind: { case: "put", value: put } } as const];
          expect(await failure(client.commit({ mutations, requestId }))).toMatchObject(refusal);
        }
        const old = uuid7(Date.now() - 11 * 60_000);
        expect(await failure(client.put({ ...put, requestId: old }))).toMatchObject({
          code: "failed_precondition",
          reason: "REQUEST_ID_EXPIRED",
        });
        expect(await failure(client.get({ key }))).toMatchObject({ reason: "NO_SUCH_KEY" });
        const requestId = uuid7(Date.now());
        await client.put({ ...put, requestId });
        expect(await failure(client.put({ ...put, value: "2", requestId }))).toMatchObject({
          code: "failed_precondition",
          reason: "REQUEST_ID_REUSED",
        });
        expect((await client.get({ key })).entry).toMatchObject({ value: "1", version: 1n });
      });

      it("do not remember a failure", async () => {
        const key = `${prefix}failed id`;
        const precondition = { condition: { case: "exists", value: true } } as const;
        const put = { key, value: "2", precondition, requestId: uuid7(Date.now()) };
        expect(await failure(client.put(put))).toMatchObject({ reason: "REVISION_MISMATCH" });
        await client.put({ key, value: "1" });
        expect((await client.put(put)).entry).toMatchObject({ version: 2n });
      });
    });

    describe("watch", () => {
      it("delivers a first message at once, then what happens to a prefix", async () => {
        const abort = new AbortController();
        const watch = client
          .watch({ prefix: `${prefix}watch/`, previous: true }, abort.signal)
          [Symbol.asyncIterator]();
        const first = await next(watch);
        expect(first.events).toEqual([]);
        const a = await client.put({ key: `${prefix}watch/a`, value: "1" });
        await client.put({ key: `${prefix}unwatched`, value: "1" });
        const b = await client.put({ key: `${prefix}watch/a`, value: "2" });
        const c = await client.delete({ key: `${prefix}watch/a` });
        expect(first.revision).toBeLessThan(a.revision);
        const messages = [await nextContent(watch), await nextContent(watch), await nextContent(watch)];
        expect(messages.map(({ revision }) => revision)).toEqual([a.revision, b.revision, c.revision]);
        expect(messages.map(({ resumeRevision }) => resumeRevision)).toEqual(
          messages.map((each) => each.revision),
        );
        expect(messages.map(({ events }) => events[0]?.entry?.value)).toEqual(["1", "2", undefined]);
        expect(messages.map(({ events }) => events[0]?.previous?.value)).toEqual([undefined, "1", "2"]);
        abort.abort();
        expect((await watch.next()).done).toBe(true);
      });

      it("starts where it is told to, and goes on from there", async () => {
        const key = `${prefix}resumed`;
        const one = await client.put({ key, value: "1" });
        const two = await client.put({ key, value: "2" });
        const abort = new AbortController();
        const watch = client
          .watch({ key, startRevision: one.revision }, abort.signal)
          [Symbol.asyncIterator]();
        expect(await next(watch)).toMatchObject({ events: [], resumeRevision: one.revision });
        expect(await nextContent(watch)).toMatchObject({
          revision: two.revision,
          events: [{ entry: { value: "2" } }],
        });
        const three = await client.put({ key, value: "3" });
        expect(await nextContent(watch)).toMatchObject({ revision: three.revision });
        abort.abort();
      });

      it("delivers what is there before what changes", async () => {
        for (const each of "ab") await client.put({ key: `${prefix}there/${each}`, value: each });
        const abort = new AbortController();
        const request = { prefix: `${prefix}there/`, includeExisting: true };
        const watch = client.watch(request, abort.signal)[Symbol.asyncIterator]();
        const first = await next(watch);
        expect(first.resumeRevision).toBeUndefined();
        const { existing } = await nextContent(watch);
        expect(existing.map(({ value }) => value)).toEqual(["a", "b"]);
        expect(await nextContent(watch)).toMatchObject({ existingEnd: true, resumeRevision: first.revision });
        const { revision } = await client.put({ key: `${prefix}there/c`, value: "c" });
        expect(await nextContent(watch)).toMatchObject({ revision, events: [{ entry: { value: "c" } }] });
        abort.abort();
      });

      it("watches a union of keys and prefixes, each change once, transactions whole", async () => {
        const at = (part: string) => `${prefix}union/${part}`;
        const keysOf = (message: WatchResponse) => message.events.map(({ entry }) => entry?.key);
        const put = (key: string) => ({ kind: { case: "put", value: { key, value: "x" } } }) as const;
        for (const part of ["z/1", "b", "other", "a/1"]) await client.put({ key: at(part), value: "x" });
        const abort = new AbortController();
        const request = {
          key: at("b"),
          prefix: at("a/"),
          keys: [at("c"), at("b"), at("a/1")],
          prefixes: [at("z/"), at("z/1"), at("a/")],
          includeExisting: true,
        };
        const watch = client.watch(request, abort.signal)[Symbol.asyncIterator]();
        await next(watch);
        const { existing } = await nextContent(watch);
        expect(existing.map(({ key }) => key)).toEqual([at("a/1"), at("b"), at("z/1")]);
        expect(await nextContent(watch)).toMatchObject({ existingEnd: true });
        const names = ["other", "z/1/2", "c", "a", "a/1", "b", "zz"];
        const { revision } = await client.commit({ mutations: names.map(at).map(put) });
        const live = await nextContent(watch);
        expect([live.revision, keysOf(live)]).toEqual([revision, ["z/1/2", "c", "a/1", "b"].map(at)]);
        abort.abort();
        const again = new AbortController();
        const { includeExisting: _, ...selection } = request;
        const past = client
          .watch({ ...selection, startRevision: revision - 1n }, again.signal)
          [Symbol.asyncIterator]();
        await next(past);
        expect(keysOf(await nextContent(past))).toEqual(keysOf(live));
        again.abort();
      });

      it("leaves out the values of a watch for keys only", async () => {
        const key = `${prefix}names`;
        const one = await client.put({ key, value: "1" });
        const two = await client.put({ key, value: "2" });
        const abort = new AbortController();
        const request = { key, keysOnly: true, previous: true, startRevision: one.revision };
        const watch = client.watch(request, abort.signal)[Symbol.asyncIterator]();
        await next(watch);
        const [event] = (await nextContent(watch)).events;
        expect(event?.entry).toMatchObject({ key, revision: two.revision });
        expect(event?.previous).toMatchObject({ key, revision: one.revision });
        expect([event?.entry?.value, event?.previous?.value]).toEqual([undefined, undefined]);
        abort.abort();
        const again = new AbortController();
        const there = client.watch({ key, keysOnly: true, includeExisting: true }, again.signal);
        const messages = there[Symbol.asyncIterator]();
        await next(messages);
        const [entry] = (await next(messages)).existing;
        expect([entry?.key, entry?.value]).toEqual([key, undefined]);
        again.abort();
      });

      it("refuses what makes no sense", async () => {
        const signal = AbortSignal.timeout(30_000);
        for (const [request, reason] of [
          [{ key: "" }, "KEY_EMPTY"],
          [{ keys: ["a", ""] }, "KEY_EMPTY"],
          [{ prefixes: ["x".repeat(1025)] }, "KEY_TOO_LONG"],
          [{ keys: Array.from({ length: 1001 }, (_, index) => `${index}`) }, "TOO_MANY_OPERATIONS"],
          [{ startRevision: -1n }, "REVISION_INVALID"],
          [{ startRevision: 1n, includeExisting: true }, "RANGE_INVALID"],
        ] as const) {
          const watch = client
            .watch(request as Parameters<typeof client.watch>[0], signal)
            [Symbol.asyncIterator]();
          expect(await failure(watch.next())).toMatchObject({ code: "invalid_argument", reason });
        }
      });
    });
  });
}

async function next(watch: AsyncIterator<WatchResponse>): Promise<WatchResponse> {
  const { done, value } = await watch.next();
  if (done) throw new Error("the watch has ended");
  return value;
}

/** The next message with events or entries. On a slow machine a heartbeat may come before it. */
async function nextContent(watch: AsyncIterator<WatchResponse>): Promise<WatchResponse> {
  for (;;) {
    const message = await next(watch);
    if (message.events.length > 0 || message.existing.length > 0 || message.existingEnd) return message;
  }
}
