import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { createConnectClient } from "../support/connect-client.ts";
import { createGrpcJsClient } from "../support/grpc-js-client.ts";
import type { KeyValueClient } from "../support/key-value-client.ts";
import { hasPrograms } from "../support/programs.ts";
import { rounds } from "../support/random.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

interface Load {
  readonly name: string;
  calls: number;
  /** Calls that failed after the server had taken their connection. */
  readonly failures: string[];
  readonly done: Promise<unknown>;
}

/**
 * A client that finds nobody there any more has lost no call: it goes to another server. The same holds for a call that
 * Node's HTTP/2 client had not sent when GOAWAY arrived; it refuses that by itself.
 */
const refused = /ECONNREFUSED|no connection established|NGHTTP2_REFUSED_STREAM/i;

function describeError(error: unknown): string {
  const texts: string[] = [];
  for (let each = error; each instanceof Error; each = each.cause) texts.push(each.message);
  return texts.join(": ");
}

/** Calls, some at a time, until nobody is there any more. */
function load(name: string, client: KeyValueClient, together: number): Load {
  async function callOn(caller: number): Promise<void> {
    for (;;) {
      try {
        if (state.calls % 2 === 0) await client.put({ key: `${name}${caller}`, value: "v" });
        else await client.get({ key: "a" });
        state.calls++;
      } catch (error) {
        const text = describeError(error);
        if (!refused.test(text)) state.failures.push(text);
        return;
      }
    }
  }
  const state = { name, calls: 0, failures: [] as string[] };
  return Object.assign(state, {
    done: Promise.all(Array.from({ length: together }, (_, caller) => callOn(caller))),
  });
}

const couldNotConnect = 7;

/** One curl, call after call on a connection that is kept. */
function loadWithCurl(address: string): Load {
  const url = `http://${address}/v1/key/a#[1-1000000]`;
  const curl = spawn("curl", [
    "-s",
    "--fail-early",
    "-o",
    "/dev/null",
    "-w",
    "%{http_code} %{exitcode}\n",
    url,
  ]);
  onTestFinished(() => void curl.kill());
  const state = { name: "curl", calls: 0, failures: [] as string[] };
  createInterface(curl.stdout).on("line", (line) => {
    if (line === "200 0") state.calls++;
    else if (line !== `000 ${couldNotConnect}`) state.failures.push(line);
  });
  return Object.assign(state, { done: once(curl, "close") });
}

/** Eight callers of grpc-go on one connection. */
function loadWithGo(address: string): Load {
  const child = spawn(goLoad, [address]);
  onTestFinished(() => void child.kill());
  const state = { name: "grpc-go", calls: 0, failures: [] as string[] };
  createInterface(child.stdout).on("line", (line) => {
    if (/^\d+$/.test(line)) state.calls = Number(line);
    else state.failures.push(line);
  });
  return Object.assign(state, { done: once(child, "close") });
}

const hasCurl = hasPrograms("curl");
const hasGo = hasPrograms("go");

const buildDirectory = await mkdtemp(join(tmpdir(), "duetkv-test-"));
const goLoad = join(buildDirectory, "go-load");

beforeAll(async () => {
  const cwd = join(import.meta.dirname, "../foreign/go-load");
  if (hasGo) await promisify(execFile)("go", ["build", "-o", goLoad, "."], { cwd });
}, 300_000);

afterAll(() => rm(buildDirectory, { recursive: true }));

async function drainUnderLoad(): Promise<readonly Load[]> {
  const directory = await temporaryDirectory();
  const server = await startServerProcess(["--log", `file:${directory}/log`]);
  onTestFinished(() => void server.stop("SIGKILL"));
  const { address } = server;
  const baseUrl = `http://${address}`;
  expect((await fetch(`${baseUrl}/v1/key/a`, { method: "PUT", body: "v" })).status).toBe(201);
  const grpcJs = createGrpcJsClient(address, credentials.createInsecure());
  const loads = [
    load("grpc-js", grpcJs, 16),
    load("connect-node over gRPC", createConnectClient(createGrpcTransport({ baseUrl })), 8),
    load(
      "connect-node over HTTP/1.1",
      createConnectClient(createConnectTransport({ baseUrl, httpVersion: "1.1" })),
      4,
    ),
    ...(hasCurl ? [loadWithCurl(address)] : []),
    ...(hasGo ? [loadWithGo(address)] : []),
  ];
  await until(() => loads.every(({ calls }) => calls >= 50));
  expect(await server.stop("SIGTERM")).toBe(0);
  await Promise.all(loads.map(({ done }) => done));
  grpcJs.close();
  return loads;
}

test("SIGTERM under load fails no unary call", { timeout: 120_000 * Math.max(1, rounds) }, async () => {
  for (let round = 0; round < 3 * rounds; round++) {
    for (const { name, failures } of await drainUnderLoad()) {
      expect({ round, name, failures }).toEqual({ round, name, failures: [] });
    }
  }
});
