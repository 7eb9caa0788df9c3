import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, onTestFinished, test } from "vitest";
import { KeyValueService } from "../../gen/duetkv/v1/key_value_pb.ts";
import { StatusService } from "../../gen/duetkv/v1/status_pb.ts";
import { verifySnapshot } from "../../src/cli/snapshot/verify.ts";
import { SnapshotReader } from "../../src/transaction-log/snapshot/snapshot-reader.ts";
import { createRandom, seed } from "../support/random.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const keyCount = 1000;

/** Over REST and gRPC by turns. */
async function* readSnapshot({ address }: ServerProcess, round: number): AsyncGenerator<Uint8Array> {
  if (round % 2 === 0) {
    const { body } = await fetch(`http://${address}/v1/snapshot`);
    yield* body as ReadableStream<Uint8Array>;
  } else {
    const client = createClient(StatusService, createGrpcTransport({ baseUrl: `http://${address}` }));
    for await (const { data } of client.snapshot({})) yield data;
  }
}

/** Key to value and revision. */
async function entriesOf(path: string): Promise<Map<string, string>> {
  const reader = await SnapshotReader.open(path);
  const entries = new Map<string, string>();
  for await (const { sequence, events } of reader.transactions()) {
    for (const event of events)
      if (event.type === "put") entries.set(event.key, `${String(event.value)} ${sequence}`);
  }
  await reader.close();
  return entries;
}

test(`snapshots that are read while others write have one revision each (SEED=${seed})`, async () => {
  const server = await startServerProcess(["--log", `file:${await temporaryDirectory()}`]);
  onTestFinished(async () => void (await server.stop()));
  const random = createRandom(seed);
  const transport = createGrpcTransport({ baseUrl: `http://${server.address}` });
  const client = createClient(KeyValueService, transport);
  const key = () => `key ${random.below(keyCount)}`;
  const ending = new AbortController();
  let writes = 0;
  const write = async () => {
    for (; !ending.signal.aborted; writes++) {
      if (random.chance(0.2)) await client.delete({ key: key() });
      else await client.put({ key: key(), value: "v".repeat(random.below(2000)) });
    }
  };
  await Promise.all(Array.from({ length: keyCount }, (_, index) => client.put({ key: `key ${index}` })));
  const writers = Array.from({ length: 16 }, write);
  const directory = await temporaryDirectory();
  for (let round = 0; round < 3; round++) {
    const path = join(directory, String(round));
    const before = writes;
    await writeFile(path, readSnapshot(server, round));
    expect(writes).toBeGreaterThan(before);
    const { revision } = await verifySnapshot(path);
    const expected = new Map<string, string>();
    let pageToken = "";
    do {
      const page = await client.list({ atRevision: BigInt(revision), pageToken });
      for (const entry of page.entries) expected.set(entry.key, `${entry.value} ${entry.revision}`);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(await entriesOf(path)).toEqual(expected);
  }
  ending.abort();
  await Promise.all(writers);
});
