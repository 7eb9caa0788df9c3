import { execFileSync, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { EventSource } from "eventsource";
import { expect, onTestFinished, test } from "vitest";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { openClient } from "./every-client.ts";

/** What an event stream tells, as it stands in its JSON. */
interface Message {
  readonly events?: readonly { readonly entry: { readonly key: string; readonly value?: string } }[];
  readonly existing?: readonly { readonly key: string }[];
  readonly existingEnd?: boolean;
}

class Service {
  readonly #flags: readonly string[];
  #server!: ServerProcess;
  client!: KeyValueClient;

  private constructor(flags: readonly string[]) {
    this.#flags = flags;
  }

  static async start(): Promise<Service> {
    const service = new Service(["--log", `file:${await temporaryDirectory()}`]);
    onTestFinished(() => service.stop("SIGKILL"));
    await service.start();
    return service;
  }

  /** Where the server is now: it comes back elsewhere. */
  get origin(): string {
    return `http://${this.#server.address}`;
  }

  async start(): Promise<void> {
    this.#server = await startServerProcess(this.#flags);
    this.client = openClient("gRPC by Connect", this.#server.address);
  }

  async stop(signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    this.client.close();
    await this.#server.stop(signal);
  }
}

/** An EventSource as browsers have it, whose requests find the server wherever it is by then. */
function openEventSource(
  service: Service,
  query: string,
): { readonly messages: Message[]; readonly lastIds: unknown[] } {
  const messages: Message[] = [];
  const lastIds: unknown[] = [];
  const source = new EventSource(`http://server.test/v1/key:watch?${query}`, {
    fetch: (url, init) => {
      const { pathname, search } = new URL(url);
      lastIds.push(new Headers(init.headers).get("last-event-id"));
      return fetch(`${service.origin}${pathname}${search}`, init);
    },
  });
  onTestFinished(() => source.close());
  source.addEventListener("message", ({ data }) => messages.push(JSON.parse(data) as Message));
  return { messages, lastIds };
}

function keysOf(messages: readonly Message[]): (string | undefined)[] {
  return messages.flatMap(({ events }) => (events ?? []).map(({ entry }) => entry.key));
}

for (const signal of ["SIGTERM", "SIGKILL"] as const) {
  test(`an EventSource goes on where it was when the server comes back after ${signal}`, async () => {
    const service = await Service.start();
    await service.client.put({ key: "there" });
    const { messages, lastIds } = openEventSource(service, "prefix=&includeExisting=true");
    await until(() => expect(messages.at(-1)?.existingEnd).toBe(true));
    expect(messages.flatMap(({ existing }) => existing ?? []).map(({ key }) => key)).toEqual(["there"]);
    for (const key of ["a", "b"]) await service.client.put({ key });
    await until(() => expect(keysOf(messages)).toEqual(["a", "b"]));

    await service.stop(signal);
    await service.start();
    // Before it is back, perhaps, and after.
    for (const key of ["c", "d"]) await service.client.put({ key });
    await until(() => expect(keysOf(messages)).toEqual(["a", "b", "c", "d"]));
    expect(lastIds[0]).toBeNull();
    expect(lastIds.at(-1)).toBe("3");
    // What exists was told once.
    expect(messages.flatMap(({ existing }) => existing ?? [])).toHaveLength(1);
  });
}

test("an EventSource on an empty store misses nothing that happens while it is away", async () => {
  const service = await Service.start();
  const { messages } = openEventSource(service, "prefix=");
  await until(() => expect(messages).toHaveLength(1));
  await service.stop("SIGKILL");
  await service.start();
  await service.client.put({ key: "first" });
  await until(() => expect(keysOf(messages)).toEqual(["first"]));
});

function hasCurl(): boolean {
  try {
    execFileSync("curl", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

test.skipIf(!hasCurl())("curl -N shows changes as they happen, and resumes with Last-Event-ID", async () => {
  const service = await Service.start();
  const open = (...headers: string[]) => {
    const lines: string[] = [];
    const options = [
      "-sN",
      ...headers.flatMap((header) => ["-H", header]),
      `${service.origin}/v1/key:watch?prefix=a`,
    ];
    const child = spawn("curl", options, { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void child.kill());
    createInterface(child.stdout).on("line", (line) => lines.push(line));
    const messages = () =>
      lines.filter((line) => line.startsWith("data: ")).map((line) => JSON.parse(line.slice(6)) as Message);
    const lastId = () => lines.findLast((line) => line.startsWith("id: "))?.slice(4);
    return { child, messages, lastId };
  };
  const first = open();
  await until(() => expect(first.messages()).toHaveLength(1));
  for (const key of ["a1", "b", "a2"]) await service.client.put({ key });
  await until(() => expect(keysOf(first.messages())).toEqual(["a1", "a2"]));
  first.child.kill();
  for (const key of ["a3", "b", "a4"]) await service.client.put({ key });
  const second = open(`Last-Event-ID: ${first.lastId()}`);
  await service.client.put({ key: "a5" });
  await until(() => expect(keysOf(second.messages())).toEqual(["a3", "a4", "a5"]));
});
