import { spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import * as vitest from "vitest";
import { connect } from "../../clients/typescript/src/index.ts";
import { keyvStore } from "../../clients/typescript/src/keyv.ts";
import { unstorageDriver } from "../../clients/typescript/src/unstorage.ts";
import { installForeignPackages } from "../support/foreign-packages.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

const { afterAll, beforeAll, describe, expect, test } = vitest;

interface Storage {
  setItem(key: string, value: unknown, options?: { ttl: number }): Promise<void>;
  getItem(key: string): Promise<unknown>;
  setItemRaw(key: string, value: Uint8Array): Promise<void>;
  getItemRaw(key: string): Promise<Uint8Array>;
  hasItem(key: string): Promise<boolean>;
  removeItem(key: string): Promise<void>;
  getKeys(base?: string): Promise<string[]>;
  clear(base?: string): Promise<void>;
}

const load = installForeignPackages("client-adapters");
const { Keyv } = (await load("keyv/dist/index.js")) as { Keyv: unknown };
const keyv = (await load("@keyv/test-suite/dist/index.js")) as {
  default: (test: typeof vitest, constructor: unknown, store: () => unknown) => void;
  keyvIteratorTests: (test: typeof vitest, constructor: unknown, store: () => unknown) => void;
};
const { createStorage } = (await load("unstorage/dist/index.mjs")) as {
  createStorage: (options: { driver: unknown }) => Storage;
};
const { default: httpDriver } = (await load("unstorage/drivers/http.mjs")) as {
  default: (options: { base: string; headers: object }) => unknown;
};

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

function open(prefix: string) {
  return connect({ url: `http://${server.address}`, prefix });
}

describe("the suite of Keyv", () => {
  keyv.default(vitest, Keyv, () => keyvStore(open("keyv/")));
});

describe("the suite of Keyv for iterators", () => {
  keyv.keyvIteratorTests(vitest, Keyv, () => keyvStore(open("keyv-iterator/")));
});

test("the suite of abstract-level passes", async () => {
  const program = new URL("client-adapters/level.mjs", import.meta.url).pathname;
  const child = spawn(process.execPath, [program, server.address], { stdio: ["ignore", "pipe", "inherit"] });
  const [tap] = await Promise.all([text(child.stdout), once(child, "close")]);
  const failures = tap.split("\n# ").filter((part) => part.includes("\nnot ok "));
  expect(failures).toEqual([]);
  expect(Number(/^# pass +(\d+)$/m.exec(tap)?.[1])).toBeGreaterThan(1000);
  expect(child.exitCode).toBe(0);
});

/** The driver of unstorage itself, which says that text is JSON unless it is told otherwise. */
function createHttpDriver(): unknown {
  const headers = { "content-type": "text/plain" };
  return httpDriver({ base: `http://${server.address}/v1/key`, headers });
}

test.each([
  ["http", createHttpDriver],
  ["duetkv", () => unstorageDriver(open("unstorage/"))],
] as const)("unstorage stores values with the driver %s", async (name, createDriver) => {
  const storage = createStorage({ driver: createDriver() });
  expect(await storage.hasItem("a:text")).toBe(false);
  expect(await storage.getItem("a:text")).toBeNull();
  await storage.setItem("a:text", "grüße");
  await storage.setItem("a:object", { list: [1, "two", null] });
  await storage.setItem("a:number", 7);
  expect(await storage.getItem("a:text")).toBe("grüße");
  expect(await storage.getItem("a:object")).toEqual({ list: [1, "two", null] });
  expect(await storage.getItem("a:number")).toBe(7);
  await storage.setItemRaw("raw", Uint8Array.of(0, 128, 255));
  expect(new Uint8Array(await storage.getItemRaw("raw"))).toEqual(Uint8Array.of(0, 128, 255));
  expect(await storage.hasItem("a:text")).toBe(true);
  await storage.removeItem("a:text");
  expect(await storage.hasItem("a:text")).toBe(false);
  // Over HTTP, keys are listed and cleared at the path of a base, which is a key here.
  if (name === "http") return;
  expect(await storage.getKeys("a")).toEqual(["a:number", "a:object"]);
  expect(await storage.getKeys()).toEqual(["a:number", "a:object", "raw"]);
  await storage.clear();
  expect(await storage.getKeys()).toEqual([]);
});
