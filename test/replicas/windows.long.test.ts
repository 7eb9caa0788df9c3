import { it } from "vitest";
import { rounds, seed } from "../support/random.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { startReplicas } from "./cluster.ts";
import { Windows } from "./windows.ts";

const postgres = sharedPostgres();

it(`calls of clients of three replicas on PostgreSQL have a linear order (seed ${seed})`, async () => {
  const windows = new Windows(await startReplicas(await postgres.createDatabase(), 3));
  await windows.run(() => windows.count >= 50 * rounds);
  await windows.checkAgain();
});
