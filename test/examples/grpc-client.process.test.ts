import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, onTestFinished, test, vi } from "vitest";
// @ts-expect-error The examples are plain JavaScript, as a stranger would write them.
import { connect } from "../../examples/grpc-client/connect.mjs";
// @ts-expect-error As above.
import { becomeLeader, followConfig, increment, tryLock } from "../../examples/grpc-client/recipes.mjs";
import { startServerProcess } from "../support/server-process.ts";
import { serverProgram } from "../support/server-program.ts";

const run = promisify(execFile);
const root = new URL("../../", import.meta.url);
const tour = new URL("examples/grpc-client/tour.mjs", root).pathname;

async function startServer(): Promise<string> {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(async () => {
    await server.stop();
  });
  return server.address;
}

async function openClient(address: string) {
  const client = connect(address);
  onTestFinished(() => client.close());
  return client;
}

/** The fenced blocks of a page, by language. */
async function blocks(page: string, language: string): Promise<string[]> {
  const text = await readFile(new URL(page, root), "utf8");
  return [...text.matchAll(/^```(\w+)\n(.*?)^```$/gms)]
    .filter(([, found]) => found === language)
    .map(([, , body]) => body as string);
}

test("the tour of all rpcs prints what the page says", async () => {
  const { stdout } = await run(process.execPath, [tour, await startServer()]);
  expect(stdout).toBe((await blocks("docs/api.md", "text")).at(-1));
});

test("the JavaScript of the pages is that of the examples", async () => {
  const files = await Promise.all(
    ["connect", "tour", "recipes"].map((name) =>
      readFile(new URL(`examples/grpc-client/${name}.mjs`, root), "utf8"),
    ),
  );
  for (const page of ["README.md", "docs/api.md"]) {
    for (const block of await blocks(page, "js")) expect(files.join("\n")).toContain(block);
  }
});

/** What differs from run to run. */
function mask(text: string): string {
  return text
    .replace(/\r/g, "")
    .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "(time)")
    .replace(/^(?:Date|Connection|Keep-Alive): .*\n/gm, "")
    .trim();
}

/** The lines up to one that ends outside of quotes. */
function firstCommand(text: string): string {
  let command = "";
  for (const line of text.split(/(?<=\n)/)) {
    command += line;
    if (command.split("'").length % 2 === 1) break;
  }
  return command;
}

test.each(["README.md", "docs/api.md"])("the transcripts of %s are real", async (page) => {
  const address = await startServer();
  for (const block of await blocks(page, "console")) {
    for (const text of block.split(/^\$ /m).slice(1)) {
      const command = firstCommand(text);
      if (!/^(?:curl|printf) /.test(command)) continue;
      const real = command.replaceAll("localhost:8080", address);
      const result = await run("sh", ["-c", real]).catch((error: { stdout: string }) => error);
      expect([command, mask(result.stdout)]).toEqual([command, mask(text.slice(command.length))]);
    }
  }
});

test("docs/configuration.md has every flag", async () => {
  const { stdout } = await run(process.execPath, [serverProgram(), "--help"]);
  const page = await readFile(new URL("docs/configuration.md", root), "utf8");
  const settings = stdout.slice(stdout.indexOf("Settings"));
  const flags = [...settings.matchAll(/^ {2}--([a-z-]+)/gm)].map(([, name]) => name as string);
  expect(flags.length).toBeGreaterThan(20);
  for (const flag of flags) expect(page).toContain(`\`--${flag}\``);
});

test("a lock has one holder, and every holder a larger fence", async () => {
  const client = await openClient(await startServer());
  const lock = await tryLock(client, "lock", "a", 60);
  expect(await tryLock(client, "lock", "b", 60)).toBeUndefined();
  await lock.renew();
  await lock.unlock();
  const next = await tryLock(client, "lock", "b", 60);
  expect(Number(next.fence)).toBeGreaterThan(Number(lock.fence));
  await expect(lock.renew()).rejects.toMatchObject({ code: 10 });
});

test("a leader that does not renew loses the lead to the candidate that waits", async () => {
  const client = await openClient(await startServer());
  const first = await becomeLeader(client, "leader", "a", 1);
  const second = await becomeLeader(client, "leader", "b", 60);
  expect(Number(second.fence)).toBeGreaterThan(Number(first.fence));
  await expect(first.unlock()).rejects.toMatchObject({ code: 10 });
});

test("concurrent increments add up exactly", async () => {
  const client = await openClient(await startServer());
  const sums = await Promise.all(Array.from({ length: 20 }, () => increment(client, "count", 1)));
  expect(sums.toSorted((a: number, b: number) => a - b)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
});

test("an increment that loses every attempt rejects with the last error", async () => {
  let puts = 0;
  const call = async (method: string) => {
    if (method === "batchGet") return {};
    puts++;
    throw Object.assign(new Error("the key exists"), { code: 6 });
  };
  await expect(increment({ call }, "count", 1, 5)).rejects.toMatchObject({ code: 6 });
  expect(puts).toBe(5);
});

test.each(["put", "watch"])("a candidate that is aborted in its %s stops waiting", async (called) => {
  const client = await openClient(await startServer());
  await tryLock(client, "leader", "a", 3_600);
  const stop = new AbortController();
  const abortIn = <Method extends (...args: never[]) => unknown>(name: string, method: Method) =>
    ((...args) => {
      if (name === called) queueMicrotask(() => stop.abort(new Error("no longer wanted")));
      return method(...args);
    }) as Method;
  const aborted = { call: abortIn("put", client.call), watch: abortIn("watch", client.watch) };
  await expect(becomeLeader(aborted, "leader", "b", 60, stop.signal)).rejects.toThrow("no longer wanted");
});

test("a follower has the configuration, and every change of it", async () => {
  const client = await openClient(await startServer());
  await client.call("put", { key: "config/a", value: "1" });
  const seen: string[] = [];
  const stop = new AbortController();
  const following = followConfig(
    client,
    "config/",
    (config: ReadonlyMap<string, string>) => {
      seen.push(JSON.stringify([...config]));
      if (config.size === 0) stop.abort();
    },
    stop.signal,
  );
  await client.call("put", { key: "config/b", value: "2" });
  await client.call("commit", {
    mutations: [{ delete: { key: "config/a" } }, { delete: { key: "config/b" } }],
  });
  await following;
  expect(seen.at(-1)).toBe("[]");
});

test("a follower whose watch never delivers anything says so, and gives up", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const error = Object.assign(new Error("received message larger than max"), { code: 8 });
  const watch = () => ({
    cancel() {},
    async *[Symbol.asyncIterator]() {
      yield* [];
      throw error;
    },
  });
  const retries: string[] = [];
  const following = followConfig(
    { watch },
    "config/",
    () => {},
    new AbortController().signal,
    (message: string) => retries.push(message),
  );
  const [outcome] = await Promise.all([Promise.allSettled([following]), vi.runAllTimersAsync()]);
  expect(outcome).toEqual([{ status: "rejected", reason: error }]);
  expect(retries).toHaveLength(11);
  expect(retries[0]).toContain("larger than max");
});

/** A watch for each list of messages, which ends with an error after the last of them. */
function watchesOf(...watches: readonly (readonly object[])[]) {
  const left = [...watches];
  return () => ({
    cancel() {},
    async *[Symbol.asyncIterator]() {
      yield* left.shift() ?? [];
      throw Object.assign(new Error("the history begins later"), { code: 11 });
    },
  });
}

test("a follower that starts over keeps the configuration until it has all of the new one", async () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const entry = (key: string, value: string) => ({ key, value });
  const watch = watchesOf(
    [{ existing: [entry("a", "1"), entry("b", "1")] }, { existingEnd: true, resumeRevision: "5" }],
    // It ends in the middle of the entries.
    [{ existing: [entry("a", "2")] }],
    [
      { existing: [entry("a", "3")] },
      { existing: [entry("c", "3")] },
      { existingEnd: true, resumeRevision: "9" },
    ],
  );
  const stop = new AbortController();
  const listens = vi.spyOn(stop.signal, "addEventListener");
  const removes = vi.spyOn(stop.signal, "removeEventListener");
  const changes: string[] = [];
  const retries: string[] = [];
  let config: ReadonlyMap<string, string> = new Map();
  const text = () => JSON.stringify([...config]);
  const following = followConfig(
    { watch },
    "",
    (changed: ReadonlyMap<string, string>) => {
      config = changed;
      changes.push(text());
      if (changes.length === 2) stop.abort();
    },
    stop.signal,
    () => retries.push(text()),
  );
  await Promise.all([following, vi.runAllTimersAsync()]);
  const [first, second] = ['[["a","1"],["b","1"]]', '[["a","3"],["c","3"]]'];
  expect(changes).toEqual([first, second]);
  expect(retries).toEqual([first, first]);
  expect(removes).toHaveBeenCalledTimes(listens.mock.calls.length);
});
