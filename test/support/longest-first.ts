import { relative } from "node:path";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The test files that take longest, in that order. What is in progress at the end of a run decides how long it takes. */
const longest = [
  "console/pages.process.test.ts",
  "end-to-end/ttl.process.test.ts",
  "end-to-end/connect.process.test.ts",
  "end-to-end/grpc.process.test.ts",
  "end-to-end/watch-limits.process.test.ts",
  "end-to-end/lifecycle.process.test.ts",
  "cli/commands.process.test.ts",
  "cli/export.process.test.ts",
  "examples/grpc-client.process.test.ts",
  "transaction-log/postgres/outcome.postgres.test.ts",
  "replicas/reads.postgres.test.ts",
  "transaction-log/postgres/contract.postgres.test.ts",
  "replicas/watch.postgres.test.ts",
  "transaction-log/postgres/damage.postgres.test.ts",
  "wire/listener/http1/http1-limits.test.ts",
  "wire/listener/listener.test.ts",
  "security/matrix.test.ts",
  "replication/forwarding.test.ts",
  "transaction-log/file/damage.test.ts",
  "wire/connection-age.test.ts",
  "cli/snapshot/restore.test.ts",
  "transaction-log/file/faults.test.ts",
  "transaction-log/remote/remote-transaction-logger.test.ts",
  "wire/http2/times.test.ts",
  "deploy/image.long.test.ts",
  "deploy/proxies.long.test.ts",
  "client/promises.long.test.ts",
  "transaction-log/remote/faults.long.test.ts",
  "end-to-end/memory-bound.long.test.ts",
  "console/many-keys.long.test.ts",
  "cli/mirror.long.test.ts",
  "replicas/repeats.long.test.ts",
  "replicas/writer-failures.long.test.ts",
  "replicas/nats-windows.long.test.ts",
  "replicas/nats-failures.long.test.ts",
  "client/runtimes/runtimes.long.test.ts",
  "end-to-end/upgrade.long.test.ts",
];

const testFolder = new URL("../", import.meta.url).pathname;

function place({ moduleId }: TestSpecification): number {
  const index = longest.indexOf(relative(testFolder, moduleId));
  return index < 0 ? longest.length : index;
}

/** Runs one project after the other, and the longest files of each first. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return files.toSorted((a, b) => a.project.name.localeCompare(b.project.name) || place(a) - place(b));
  }
}
