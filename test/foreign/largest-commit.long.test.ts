import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import {
  type CommitRequestSchema,
  WatchRequestSchema,
  type WatchResponse,
  WatchResponseSchema,
} from "../../gen/duetkv/v1/key_value_pb.ts";
import { defaultLimits } from "../../src/limits.ts";
import { next, open, start, type Watching, watch } from "../end-to-end/watch-server.ts";
import type { ServerProcess } from "../support/server-process.ts";

// A transaction is one message, and clients of gRPC accept messages of up to 4 MiB unless they are told otherwise.
const messageBytesMax = 4 * 1024 * 1024;

type Mutations = NonNullable<MessageInitShape<typeof CommitRequestSchema>["mutations"]>;

/** What a mutation counts beside key and value. */
const overheadBytes = 160;

/** As many puts as that, which together count exactly the bound, or `more` bytes more. */
function puts(count: number, key: (index: number) => string, more = 0): Mutations {
  const keyBytes = Array.from({ length: count }, (_, index) => Buffer.byteLength(key(index)));
  const taken = keyBytes.reduce((sum, each) => sum + 2 * each + overheadBytes, 0);
  const bytes = defaultLimits.commitBytesMax + more - taken;
  return keyBytes.map((_, index) => ({
    kind: {
      case: "put",
      value: {
        key: key(index),
        bytesValue: new Uint8Array(Math.floor(bytes / count) + (index < bytes % count ? 1 : 0)),
        ttl: { seconds: 100_000n, nanos: 1 },
      },
    },
  }));
}

const shapes: Readonly<Record<string, (more?: number) => Mutations>> = {
  "a thousand puts": (more) => puts(1000, (index) => `${index}`, more),
  "a thousand puts with long keys": (more) => puts(1000, (index) => `${index}`.padEnd(1024, "k"), more),
  "four large puts": (more) => puts(4, (index) => `${index}`, more),
};

interface Received {
  readonly bytes: number;
  readonly revision: number;
  readonly events: number;
}

/** Reads change messages of a watch until that revision. */
type Reader = (
  request: MessageInitShape<typeof WatchRequestSchema>,
) => Promise<{ until(revision: number): Promise<Received[]> }>;

function grpcJsReader(server: ServerProcess): Reader {
  return async (request) => {
    const watching: Watching = watch(open("gRPC by grpc-js", server), request);
    await next(watching);
    return {
      async until(revision) {
        const received: Received[] = [];
        while (received.at(-1)?.revision !== revision) {
          const message: WatchResponse = await next(watching);
          if (message.events.length === 0) continue;
          const bytes = toBinary(WatchResponseSchema, message).length;
          received.push({ bytes, revision: Number(message.revision), events: message.events.length });
        }
        return received;
      },
    };
  };
}

const directory = mkdtempSync(join(tmpdir(), "duetkv-test-"));
const goWatch = join(directory, "go-watch");

function grpcGoReader(server: ServerProcess): Reader {
  return async (request) => {
    const bytes = toBinary(WatchRequestSchema, create(WatchRequestSchema, request));
    const child = spawn(goWatch, [server.address, Buffer.from(bytes).toString("hex")], { stdio: "pipe" });
    onTestFinished(() => void child.kill("SIGKILL"));
    let errors = "";
    child.stderr.on("data", (chunk) => (errors += chunk));
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const line = async (): Promise<Received> => {
      const { done, value } = await lines.next();
      if (done) throw new Error(`the Go client ended: ${errors}`);
      return JSON.parse(value);
    };
    await line();
    return {
      async until(revision) {
        const received: Received[] = [];
        while (received.at(-1)?.revision !== revision) {
          const message = await line();
          if (message.events > 0) received.push(message);
        }
        return received;
      },
    };
  };
}

const hasGo = spawnSync("go", ["version"]).status === 0;
if (!hasGo) console.warn("Go is missing: nothing is tested with grpc-go");

beforeAll(async () => {
  if (!hasGo) {
    if (process.env["CI"] === "true") throw new Error("Go is missing, which CI must have");
    return;
  }
  const cwd = join(import.meta.dirname, "go-watch");
  const build = spawn("go", ["build", "-o", goWatch, "."], { cwd, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(build, "exit");
  expect(code, "the Go client is built").toBe(0);
}, 300_000);

afterAll(() => rmSync(directory, { recursive: true }));

const clients = { "grpc-js": grpcJsReader, "grpc-go": grpcGoReader };

for (const [name, createReader] of Object.entries(clients)) {
  for (const [shape, mutations] of Object.entries(shapes)) {
    test.skipIf(name === "grpc-go" && !hasGo)(
      `${name} with default limits receives the largest commit of ${shape}, with and without previous, live and resumed`,
      async () => {
        const server = await start();
        const writer = open("gRPC by Connect", server);
        const read = createReader(server);
        const live = [await read({}), await read({ previous: true })];
        // The second replaces the first, so that there are entries before it.
        for (const revision of [1n, 2n]) {
          expect(await writer.commit({ mutations: mutations() })).toMatchObject({ revision });
        }
        await expect(writer.commit({ mutations: mutations(1) })).rejects.toMatchObject({
          code: "resource_exhausted",
          reason: "REQUEST_TOO_LARGE",
        });
        const resumed = [
          await read({ startRevision: 0n }),
          await read({ startRevision: 0n, previous: true }),
        ];
        for (const reader of [...live, ...resumed]) {
          const received = await reader.until(2);
          const events = mutations().length;
          expect(received).toMatchObject([
            { revision: 1, events },
            { revision: 2, events },
          ]);
          for (const { bytes } of received) {
            expect(bytes).toBeLessThan(messageBytesMax);
            // The bound is not far from what is there.
            if (shape !== "a thousand puts with long keys")
              expect(bytes).toBeGreaterThan(0.9 * messageBytesMax);
          }
        }
      },
    );
  }

  test.skipIf(name === "grpc-go" && !hasGo)(
    `${name} with default limits receives values before and after a commit up to the bound`,
    async () => {
      const server = await start();
      const writer = open("gRPC by Connect", server);
      for (const bytes of [1_020_000, 1_020_000, 1_040_000]) {
        for (const key of ["a", "b"]) await writer.put({ key, bytesValue: new Uint8Array(bytes) });
        await writer.commit({
          mutations: ["a", "b"].map((key) => ({
            kind: { case: "put", value: { key, bytesValue: new Uint8Array(bytes) } },
          })),
        });
      }
      const reader = await createReader(server)({ previous: true, startRevision: 0n });
      const received = await reader.until(9);
      // The last is over the bound, and comes without the values before.
      expect(
        received.map(({ bytes }) => Math.floor(bytes / 1_000_000)).filter((_, index) => index % 3 === 2),
      ).toEqual([4, 4, 2]);
      for (const { bytes } of received) expect(bytes).toBeLessThan(messageBytesMax);
    },
  );
}
