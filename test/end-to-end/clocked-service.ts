import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { expect, onTestFinished } from "vitest";
import { type Event, Event_Type, type WatchResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { openClient } from "./every-client.ts";

const clockModule = new URL("./ttl-clock.ts", import.meta.url).href;

/** A server that is started again and again on the same log, with a wall clock that can be set. */
export class ClockedService {
  readonly #directory: string;
  #server: ServerProcess | undefined;
  #client: KeyValueClient | undefined;

  static async start(): Promise<ClockedService> {
    const service = new ClockedService(await temporaryDirectory());
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
export function expectExpiry(event: Event | undefined, revision: bigint, notBefore: number): void {
  expect(event).toMatchObject({ type: Event_Type.DELETE, expired: true, entry: { revision } });
  expect(updateTimeMs(event)).toBeGreaterThanOrEqual(notBefore);
}

export function updateTimeMs(event: Event | undefined): number {
  return event?.entry?.updateTime ? timestampMs(event.entry.updateTime) : 0;
}
