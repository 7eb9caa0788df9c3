import { expect, onTestFinished } from "vitest";
import { openClient, type Protocol } from "../end-to-end/every-client.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";

/** Starts a replica and stops it at the end of the test. */
export async function startReplica(url: string, flags: readonly string[] = []): Promise<ServerProcess> {
  const replica = await startServerProcess(["--log", url, ...flags]);
  onTestFinished(async () => {
    await replica.stop("SIGKILL");
  });
  return replica;
}

export function startReplicas(
  url: string,
  count: number,
  flags: readonly string[] = [],
): Promise<ServerProcess[]> {
  return Promise.all(Array.from({ length: count }, () => startReplica(url, flags)));
}

/** Returns a client of a replica and closes it at the end of the test. */
export function connectTo(
  { address }: Pick<ServerProcess, "address">,
  protocol: Protocol = "gRPC by grpc-js",
): KeyValueClient {
  const client = openClient(protocol, address);
  onTestFinished(() => client.close());
  return client;
}

export interface State {
  readonly revision: number;
  readonly hash: string;
}

export async function stateOf({ adminAddress }: ServerProcess): Promise<State> {
  return JSON.parse((await request(`http://${adminAddress}`, "GET", "/state")).body.toString());
}

export async function isReady({ adminAddress }: ServerProcess): Promise<boolean> {
  return (await request(`http://${adminAddress}`, "GET", "/readyz")).status === 200;
}

/** Waits until all replicas have the same revision, asserts that their states are equal, and returns the state. */
export async function expectSameState(replicas: readonly ServerProcess[]): Promise<State> {
  let states: State[] = [];
  await until(async () => {
    states = await Promise.all(replicas.map(stateOf));
    return new Set(states.map(({ revision }) => revision)).size === 1;
  });
  expect(new Set(states.map(({ hash }) => hash)).size).toBe(1);
  return states[0] as State;
}
