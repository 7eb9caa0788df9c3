import { once } from "node:events";
import { chmod, mkdir, open, readdir, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { runToEnd } from "./lifecycle-process.ts";

const anywhere = ["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

async function occupyPort(): Promise<string> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test.each(["listen", "admin-listen"])(
  "exits when the port of --%s is in use, and names the flag",
  async (flag) => {
    const address = await occupyPort();
    const directory = await temporaryDirectory();
    const flags = [...anywhere, "--log", `file:${directory}`, `--${flag}`, address];
    const { code, errors } = await runToEnd(flags);
    expect(errors).toContain(address);
    expect(errors).toMatch(/already in use.*\n.*--listen/);
    expect(code).toBe(1);
  },
);

test("a failed start leaves a data directory that the next start can use", async () => {
  const address = await occupyPort();
  const directory = await temporaryDirectory();
  const log = ["--log", `file:${directory}`];
  await runToEnd([...anywhere, ...log, "--listen", address]);
  const server = await startServerProcess(log);
  expect(await server.stop()).toBe(0);
});

test("exits when another process has the data directory, and names it", async () => {
  const directory = await temporaryDirectory();
  const log = ["--log", `file:${directory}`];
  const server = await startServerProcess(log);
  onTestFinished(() => void server.stop("SIGKILL"));
  const { code, errors } = await runToEnd([...anywhere, ...log]);
  expect(errors).toContain(directory);
  expect(errors).toContain(`process ${server.pid}`);
  expect(code).toBe(1);
  // It took nothing away from the one that holds it.
  expect((await fetch(`http://${server.address}/v1/key/a`, { method: "PUT", body: "x" })).status).toBe(201);
  expect(await server.stop()).toBe(0);
});

test("exits at once when the data directory cannot be created", async () => {
  const { code, errors } = await runToEnd([...anywhere, "--log", "file:/proc/nope/data"]);
  expect(errors).toContain("cannot create the data directory (--log file:DIR): ");
  expect(errors).toContain("'/proc/nope'");
  expect(errors).not.toContain("    at ");
  expect(code).toBe(1);
});

test("warns of an unknown variable, and starts", async () => {
  const server = await startServerProcess(["--log", "memory:"], { DUETKV_LOG_LEVLE: "debug" });
  expect(await server.stop()).toBe(0);
  expect(server.lines.map((line) => JSON.parse(line))).toContainEqual(
    expect.objectContaining({
      level: 40,
      msg: "unknown environment variable ignored",
      variable: "DUETKV_LOG_LEVLE",
      nearest: "DUETKV_LOG_LEVEL",
    }),
  );
});

test("names all mistakes of the configuration at once", async () => {
  const { code, output, errors } = await runToEnd(
    ["--listen", "8080", "--log", "disk", "--key-bytes-max", "0", "--tls-cert", "/nowhere.pem"],
    { environment: { DUETKV_LOG_LEVEL: "loud" } },
  );
  for (const name of ["--listen", "--log", "--key-bytes-max", "--tls-key", "DUETKV_LOG_LEVEL"]) {
    expect(errors).toContain(name);
  }
  expect(errors).toContain("--help");
  expect(output).toBe("");
  expect(code).toBe(1);
});

test.each([
  { title: "an unknown flag", flags: ["--data-dir", "x"], says: /--data-dir/, exit: 1 },
  { title: "a flag without its value", flags: ["--listen"], says: /--listen/, exit: 1 },
  // A client command: its exit codes are those of docs/cli.md.
  { title: "an unknown command", flags: ["serve"], says: /serve/, exit: 2 },
])("refuses $title", async ({ flags, says, exit }) => {
  const { code, errors } = await runToEnd(flags);
  expect(errors).toMatch(says);
  expect(errors).toContain("--help");
  expect(errors).not.toContain("    at ");
  expect(code).toBe(exit);
});

function tls(path: string): string[] {
  return [...anywhere, "--log", "memory:", "--tls-cert", path, "--tls-key", path];
}

test("exits when a TLS file is missing or invalid, and names it", async () => {
  const directory = await temporaryDirectory();
  const missing = join(directory, "missing.pem");
  const gone = await runToEnd(tls(missing));
  expect(gone.errors).toContain(missing);
  expect(gone.errors).not.toContain("    at ");
  expect(gone.code).toBe(1);
  const text = join(directory, "text.pem");
  await writeFile(text, "not a certificate");
  const broken = await runToEnd(tls(text));
  expect(broken.errors).toMatch(/--tls-cert|text\.pem/);
  expect(broken.errors).not.toContain("    at ");
  expect(broken.code).toBe(1);
});

test("exits when the log was written by a newer version, and changes nothing", async () => {
  const directory = await temporaryDirectory();
  const log = ["--log", `file:${directory}`];
  const server = await startServerProcess(log);
  await fetch(`http://${server.address}/v1/key/a`, { method: "PUT", body: "x" });
  await server.stop();
  const [name = ""] = (await readdir(directory)).filter((each) => each.endsWith(".log"));
  const file = await open(join(directory, name), "r+");
  const header = Buffer.alloc(40);
  await file.read(header, 0, 40, 0);
  header.writeUInt32LE(header.readUInt32LE(8) + 1, 8);
  header.writeUInt32LE(crc32(header.subarray(0, 36)), 36);
  await file.write(header, 0, 40, 0);
  await file.close();
  const names = await readdir(directory);
  const { code, errors } = await runToEnd([...anywhere, ...log]);
  expect(errors).toContain(name);
  expect(errors).toMatch(/version/);
  expect(errors).not.toContain("    at ");
  expect(code).toBe(1);
  expect(await readdir(directory)).toEqual(names);
});

// Root may write everywhere; as somebody else the sources must be readable.
test.runIf(process.getuid?.() === 0)(
  "exits when the data directory cannot be written, and says so",
  async () => {
    const parent = await temporaryDirectory();
    await chmod(parent, 0o755);
    const directory = join(parent, "read-only");
    await mkdir(directory, { mode: 0o555 });
    const { code, errors } = await runToEnd([...anywhere, "--log", `file:${directory}`], { uid: 65_534 });
    expect(errors).toContain(directory);
    expect(errors).toContain("as a user with this permission");
    expect(errors).not.toContain("    at ");
    expect(code).toBe(1);
  },
);

test("exits when the data directory is a file", async () => {
  const path = join(await temporaryDirectory(), "file");
  await writeFile(path, "");
  const { code, errors } = await runToEnd([...anywhere, "--log", `file:${path}`]);
  expect(errors).toContain(path);
  expect(errors).not.toContain("    at ");
  expect(code).toBe(1);
});
