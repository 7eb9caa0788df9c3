import { type Client, DuetError, type ErrorDetails, ForbiddenError, HistoryGoneError } from "@duetkv/client";
import { memory } from "@duetkv/client/memory";
import { expect, onTestFinished, test, vi } from "vitest";
import type { LiveChange } from "../../console/src/live/live-change.ts";
import type { Selection } from "../../console/src/live/selection.ts";
import { until } from "../support/until.ts";

interface Listener {
  onChanges(changes: readonly LiveChange[]): void;
  onFresh(): void;
  onRefused(error: Error): void;
}

interface Live {
  readonly state: { readonly value: string };
  subscribe(selection: Selection, listener: Listener): () => void;
  close(): void;
}

// Imported without its types, which need those of browsers; Node has the same locks and channels.
const path = "../../console/src/live/live.ts";
const { Live: LiveClass } = (await import(path)) as {
  Live: new (client: Client, name: string, report: (error: unknown) => void) => Live;
};

let names = 0;

function errorOf(code: string): ErrorDetails {
  return { code, reason: "", message: code, outcome: "nothing", metadata: {} };
}

/** A service of which each tab has the client, and which refuses some parts of selections. */
function openService() {
  const client = memory();
  onTestFinished(() => client.close());
  const name = `live ${++names}`;
  const streams = new Set<Selection>();
  const refusals = new Map<string, DuetError>();
  const starts: (number | undefined)[] = [];
  let isGone = false;
  async function* watch(selection: Selection, options: { from?: number; signal: AbortSignal }) {
    for (const text of [...selection.keys, ...selection.prefixes]) {
      const refusal = refusals.get(text);
      if (refusal !== undefined) throw refusal;
    }
    if (isGone && options.from !== undefined) throw new HistoryGoneError(errorOf("out_of_range"));
    starts.push(options.from);
    streams.add(selection);
    try {
      yield* client.watch(selection, options);
    } finally {
      streams.delete(selection);
    }
  }
  const watched = { watch, identity: () => client.identity() } as unknown as Client;
  return {
    client,
    refusals,
    streams: () => [...streams].flatMap(({ keys, prefixes }) => [...keys, ...prefixes]),
    starts,
    /** The history reaches no stream that resumes. */
    compact: () => (isGone = true),
    openTab(as = name) {
      const reports: unknown[] = [];
      const live = new LiveClass(watched, as, (error) => reports.push(error));
      onTestFinished(() => live.close());
      return { live, reports };
    },
  };
}

/** What a listener has heard: `fresh`, keys, and why it is refused. */
function listen({ live }: { readonly live: Live }, ...prefixes: string[]) {
  const heard: string[] = [];
  const unsubscribe = live.subscribe(
    { keys: [], prefixes },
    {
      onFresh: () => heard.push("fresh"),
      onChanges: (changes) => heard.push(...changes.map(({ key }) => key)),
      onRefused: ({ message }) => heard.push(message),
    },
  );
  return { heard, unsubscribe };
}

test("what is refused in one tab leaves the rest of all tabs alone", async () => {
  const service = openService();
  for (const text of ["", "c/"]) service.refusals.set(text, new ForbiddenError(errorOf("permission_denied")));
  service.refusals.set("long", new DuetError(errorOf("invalid_argument")));
  service.refusals.set("secret", new DuetError(errorOf("unauthenticated")));
  const tabs = [service.openTab(), service.openTab(), service.openTab()] as const;
  const permitted = tabs.map((tab, index) => listen(tab, `${index}/`));
  const refused = ["", "c/", "long", "secret"].map((prefix, index) => listen(tabs[index % 3]!, prefix));
  await until(() => refused.every(({ heard }) => heard.length > 0));
  await until(() => permitted.every(({ heard }) => heard.includes("fresh")));
  expect(refused.map(({ heard }) => new Set(heard))).toEqual([
    new Set(["permission_denied"]),
    new Set(["permission_denied"]),
    new Set(["invalid_argument"]),
    new Set(["unauthenticated"]),
  ]);
  for (const index of [0, 1, 2]) await service.client.put(`${index}/x`, "");
  await until(() => permitted.every(({ heard }, index) => heard.includes(`${index}/x`)));
  expect(permitted.flatMap(({ heard }) => heard).filter((each) => each.endsWith("denied"))).toEqual([]);
  expect(service.streams().toSorted()).toEqual(["0/", "1/", "2/"]);
  expect(tabs.flatMap(({ reports }) => reports)).toEqual([]);
});

test("a tab that leads and is closed while it watches gives the lead away", async () => {
  const service = openService();
  const tabs = [service.openTab(), service.openTab()] as const;
  const [first, second] = [listen(tabs[0], "a/"), listen(tabs[1], "b/")];
  await until(() => first.heard.includes("fresh") && second.heard.includes("fresh"));
  tabs[0].live.close();
  await until(() => service.streams().join() === "b/");
  await service.client.put("b/x", "");
  await until(() => second.heard.includes("b/x"));
});

test("a failure ends the lead of a tab, and another one goes on", async () => {
  const service = openService();
  const failure = new DuetError(errorOf("unimplemented"));
  service.refusals.set("a/", failure);
  const first = service.openTab();
  listen(first, "a/");
  await until(() => first.live.state.value === "ended");
  expect(first.reports).toEqual([failure]);
  service.refusals.clear();
  const again = listen(first, "b/");
  const second = service.openTab();
  await until(() => again.heard.includes("fresh"));
  expect(second.live.state.value).toBe("live");
});

test("a tab that the leader has forgotten becomes fresh again", async () => {
  const service = openService();
  const leader = service.openTab();
  const tab = service.openTab();
  const own = listen(leader, "a/");
  const { heard } = listen(tab, "b/");
  await until(() => heard.length > 0 && own.heard.length > 0);
  expect(heard).toEqual(["fresh"]);
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 10 * 60_000 });
  onTestFinished(() => void vi.useRealTimers());
  // The leader adapts to another selection, and no longer knows of the other tab.
  listen(leader, "c/");
  await until(() => heard.length > 1);
  expect(heard).toEqual(["fresh", "fresh"]);
  await until(() => service.streams().join() === "a/,b/,c/");
});

test("a stream begins anew at what the last one was told, also if nothing has changed there", async () => {
  const service = openService();
  const tab = service.openTab();
  const quiet = listen(tab, "quiet/");
  await until(() => quiet.heard.includes("fresh"));
  await service.client.put("other/old", "");
  service.compact();
  const other = listen(tab, "other/");
  await until(() => other.heard.includes("fresh"));
  // The history did not reach back: all is read again, and no entry was sent for that.
  await until(() => quiet.heard.length > 1);
  expect([...quiet.heard, ...other.heard]).toEqual(["fresh", "fresh", "fresh"]);
  expect(service.starts).toEqual([undefined, undefined]);
});
