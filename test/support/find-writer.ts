import { request } from "./rest-request.ts";
import type { ServerProcess } from "./server-process.ts";
import { until } from "./until.ts";

/** Resolves with the replica that appends for the others, once it says so itself and no other one does. */
export async function findWriter(replicas: readonly ServerProcess[]): Promise<ServerProcess> {
  let writers: readonly ServerProcess[] = [];
  await until(async () => {
    const own = await Promise.all(replicas.map(appends));
    writers = replicas.filter((_, index) => own[index]);
    return writers.length === 1;
  });
  return writers[0] as ServerProcess;
}

/** Whether it appends to the log, by its own opinion. */
async function appends({ address }: ServerProcess): Promise<boolean> {
  const { status, body } = await request(`http://${address}`, "GET", "/v1/status");
  if (status !== 200) return false;
  // The replica that responds is the first.
  return JSON.parse(body.toString()).replicas[0].writer === true;
}
