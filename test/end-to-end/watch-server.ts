import { onTestFinished } from "vitest";
import type { WatchResponse } from "../../gen/duetkv/v1/key_value_pb.ts";
import { CallFailure, type KeyValueClient } from "../support/key-value-client.ts";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { openClient, type Protocol } from "./every-client.ts";

/** A server that lasts as long as the test; its log is in memory unless the flags say otherwise. */
export async function start(...flags: string[]): Promise<ServerProcess> {
  const server = await startServerProcess(flags.includes("--log") ? flags : ["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

/** A client that is closed after the test. */
export function open(protocol: Protocol, server: ServerProcess): KeyValueClient {
  const client = openClient(protocol, server.address);
  onTestFinished(() => client.close());
  return client;
}

export type Watching = AsyncIterator<WatchResponse>;

export function watch(
  client: KeyValueClient,
  init: Parameters<KeyValueClient["watch"]>[0],
  signal?: AbortSignal,
): Watching {
  return client.watch(init, signal ?? new AbortController().signal)[Symbol.asyncIterator]();
}

export async function next(watching: Watching): Promise<WatchResponse> {
  const { done, value } = await watching.next();
  if (done) throw new Error("the watch ended");
  return value;
}

/** Everything up to the failure that ends the watch, and that. */
export async function readToFailure(
  watching: Watching,
): Promise<{ messages: WatchResponse[]; failure: CallFailure }> {
  const messages: WatchResponse[] = [];
  try {
    for (;;) messages.push(await next(watching));
  } catch (error) {
    if (!(error instanceof CallFailure)) throw error;
    return { messages, failure: error };
  }
}

export async function metric(server: ServerProcess, name: string): Promise<number> {
  const { body } = await request(`http://${server.adminAddress}`, "GET", "/metrics");
  const line = body
    .toString()
    .split("\n")
    .find((each) => each.startsWith(`${name} `));
  return Number(line?.split(" ")[1]);
}
