import { expect, onTestFinished } from "vitest";
import { createRandom, seed } from "../support/random.ts";
import type { ServerProcess } from "../support/server-process.ts";
import { until } from "../support/until.ts";
import { connectTo, expectSameState, isReady, startReplicas } from "./cluster.ts";
import { ReplicaHistory, readTruth } from "./replica-history.ts";
import { Clients, Traffic } from "./traffic.ts";

const keys = Array.from({ length: 12 }, (_, index) => `key ${index}`);

/** Runs traffic through three replicas until `disturb` resolves and there were enough calls, then checks every response. */
export async function checkTraffic(
  url: string,
  disturb: (ready: () => Promise<boolean[]>) => Promise<void>,
): Promise<ReplicaHistory> {
  const random = createRandom(seed);
  const replicas = await startReplicas(url, 3);
  const clients = new Clients(random, replicas);
  onTestFinished(() => clients.close());
  const history = new ReplicaHistory();
  const traffic = new Traffic({ history, random, keys, target: clients.pick });
  let disturbed = false;
  const disturbing = disturb(() => Promise.all(replicas.map(isReady))).finally(() => {
    disturbed = true;
  });
  await Promise.all([traffic.run(20, () => disturbed && history.operations > 300), disturbing]);
  for (const replica of replicas) await until(() => isReady(replica));
  const { revision } = await expectSameState(replicas);
  const truth = await readTruth(connectTo(replicas[0] as ServerProcess), () => revision);
  expect(history.problems(truth)).toEqual([]);
  expect(truth.size).toBe(revision);
  return history;
}
