import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { generate } from "selfsigned";
import { describe, expect, test } from "vitest";
import type { Stream } from "../../../src/wire/http2/stream.ts";
import { hasPrograms } from "../../support/programs.ts";
import { BodyHandler, okHeaders, serveHttp2 } from "./serve-http2.ts";

const version = "v2.2.1+incompatible";
const folder = join(import.meta.dirname, "../../../node_modules/.cache/h2spec", version);
const h2spec = join(folder, "h2spec");

/** False, with a warning, without Go; throws in CI. */
function install(): boolean {
  if (existsSync(h2spec)) return true;
  if (!hasPrograms("go")) return false;
  mkdirSync(folder, { recursive: true });
  const { status, stderr } = spawnSync(
    "go",
    ["install", `github.com/summerwind/h2spec/cmd/h2spec@${version}`],
    {
      env: { ...process.env, GOBIN: folder },
      encoding: "utf8",
    },
  );
  if (status !== 0) throw new Error(`installing h2spec failed: ${stderr}`);
  return true;
}

function run(port: number, ...options: string[]): Promise<string> {
  const child = spawn(h2spec, ["-h", "127.0.0.1", "-p", String(port), "-o", "5", ...options]);
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (output += chunk.toString()));
  return new Promise((resolve) => child.on("close", () => resolve(output)));
}

const body = Buffer.from("a body, which some cases look at");
const options = {
  limits: { streamsMax: 100 },
  // Later, so that a case can exceed the number of streams.
  onStream: (stream: Stream): void => {
    stream.handler = new BodyHandler(stream, () => {
      setTimeout(() => stream.respondWhole(okHeaders, body, 0, body.length), 20);
    });
  },
};

describe.skipIf(!install())("h2spec passes", () => {
  test("over cleartext", async () => {
    const { port, errors } = await serveHttp2(options);
    expect(await run(port)).toContain("145 tests, 145 passed, 0 skipped, 0 failed");
    expect(errors).toEqual([]);
  });

  test("over TLS", async () => {
    const { private: key, cert } = await generate([{ name: "commonName", value: "127.0.0.1" }], {
      algorithm: "sha256",
      keyType: "ec",
    });
    const { port, errors } = await serveHttp2({ ...options, tls: { key, cert } });
    expect(await run(port, "-t", "-k")).toContain("145 tests, 145 passed, 0 skipped, 0 failed");
    expect(errors).toEqual([]);
  });
});
