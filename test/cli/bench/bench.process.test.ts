import { once } from "node:events";
import { type AddressInfo, connect, createServer } from "node:net";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { type ServerProcess, startServerProcess } from "../../support/server-process.ts";
import { until } from "../../support/until.ts";
import { runCli, startCli } from "../run-cli.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await startServerProcess(["--log", "memory:"]);
});

afterAll(async () => {
  await server.stop();
});

async function keys(): Promise<string> {
  return (await runCli(["ls", "--count"], { address: server.address })).stdout.toString();
}

test("a bench shows rates, percentiles and a histogram, and deletes its keys", async () => {
  await runCli(["put", "mine", "x"], { address: server.address });
  const bench = (...flags: string[]) =>
    runCli(["bench", "--clients", "4", "--seconds", "1", ...flags], { address: server.address });
  const { code, stdout, stderr } = await bench("--size", "2000", "--ratio", "0.5");
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  const text = stdout.toString();
  expect(text).toMatch(
    /^4 clients, \d+\.\d s, values of 2000 B, 50 % reads, keys below duetkv-bench\/\w{12}\/\n/,
  );
  expect(text).toMatch(
    /\nreads {2}[\d,]+, [\d,]+\/s\n {7}p50 .* ms, p90 .*, p95 .*, p99 .*, p99\.9 .*, max /,
  );
  expect(text).toMatch(/\n {4,}≤ [\d.]+ ms +\d+\.\d % #+\n/);
  expect(text).toMatch(/\nno errors\n$/);
  expect(await keys()).toBe("1\n");

  const json = JSON.parse((await bench("--ratio", "0", "--prefix", "b/", "--json")).stdout.toString());
  expect(json).toMatchObject({ clients: 4, sizeBytes: 100, readShare: 0, reads: { count: 0 }, errors: {} });
  expect(json.writes.count).toBeGreaterThan(0);
  expect(json.writes["p99.9Ms"]).toBeGreaterThanOrEqual(json.writes.p50Ms);
  expect(await keys()).toBe("1\n");
});

/** Passes connections on to the server, and cuts them at each call of the method. */
async function startProxyWithout(method: string): Promise<string> {
  const [host = "", port = ""] = server.address.split(":");
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), host);
    upstream.on("error", () => {}).pipe(client);
    client
      .on("error", () => {})
      .on("data", (data) => {
        if (data.includes(`KeyValueService/${method} `)) client.destroy();
        else upstream.write(data);
      })
      .on("close", () => upstream.destroy());
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  onTestFinished(() => void proxy.close());
  return `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
}

test("failed calls are counted by reason", async () => {
  const flags = ["--clients", "2", "--seconds", "1", "--ratio", "0.5", "--timeout", "1s"];
  const address = await startProxyWithout("Put");
  const { code, stdout } = await runCli(["bench", ...flags, "--json"], { address });
  expect(code).toBe(0);
  const { writes, errors } = JSON.parse(stdout.toString());
  expect(writes.count).toBe(0);
  expect(errors.CONNECTION_LOST).toBeGreaterThan(0);
  const text = await runCli(["bench", ...flags], { address });
  expect(text.stdout.toString()).toMatch(/\nerrors\n {7}CONNECTION_LOST [\d,]+\n/);
});

test("names the keys that cannot be deleted", async () => {
  const args = ["bench", "--clients", "1", "--seconds", "1", "--timeout", "1s", "--prefix", "left/"];
  const { code, stderr } = await runCli(args, { address: await startProxyWithout("List") });
  expect({ code, stderr }).toMatchObject({
    code: 6,
    stderr: expect.stringMatching(/^duetkv: keys below left\/\w{12}\/ may be left; delete them/),
  });
  await runCli(["del", "--prefix", "left/", "--yes"], { address: server.address });
});

test("deletes its keys when nobody reads the result", async () => {
  const child = startCli(["bench", "--seconds", "1"], { address: server.address });
  child.stdout.destroy();
  expect(await once(child, "close")).toEqual([1, null]);
  expect(await keys()).toBe("1\n");
});

test.each(["SIGINT", "SIGTERM"] as const)(
  "%s ends a bench early, and its keys are deleted",
  async (signal) => {
    const child = startCli(["bench", "--seconds", "1000", "--prefix", "i/", "--json"], {
      address: server.address,
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = once(child, "close");
    let stdout = "";
    child.stdout.on("data", (chunk) => {
      stdout += chunk;
    });
    await until(async () => {
      const { stdout: metrics } = {
        stdout: await (await fetch(`http://${server.adminAddress}/metrics`)).text(),
      };
      return /duetkv_entries 1\d{3}/.test(metrics);
    });
    child.kill(signal);
    expect(await ended).toEqual([130, null]);
    expect(JSON.parse(stdout).seconds).toBeLessThan(1000);
    expect(await keys()).toBe("1\n");
  },
);
