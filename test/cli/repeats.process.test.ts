import { connect, createServer } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { startServerProcess } from "../support/server-process.ts";
import { runCli } from "./run-cli.ts";

/** Passes requests on to the server, and cuts the first `cuts` connections when the response comes. */
async function startCuttingProxy(address: string, cuts: number): Promise<string> {
  const [host = "", port = ""] = address.split(":");
  let left = cuts;
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), host);
    client.on("error", () => {}).pipe(upstream);
    upstream
      .on("error", () => {})
      .on("data", (data) => {
        if (left-- > 0) client.destroy();
        else client.write(data);
      });
    client.on("close", () => upstream.destroy());
  });
  onTestFinished(() => void proxy.close());
  await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(proxy.address() as { port: number }).port}`;
}

test("a write whose response is lost happens once, and is known to have happened", async () => {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(async () => void (await server.stop()));
  const proxy = await startCuttingProxy(server.address, 2);
  const { code, stdout } = await runCli(["put", "a", "x", "--if-new", "--json"], { address: proxy });
  expect({ code, ...JSON.parse(stdout.toString()) }).toMatchObject({
    code: 0,
    revision: "1",
    entry: { version: "1" },
  });
  const status = await runCli(["status", "--json"], { address: server.address });
  expect(JSON.parse(status.stdout.toString())).toMatchObject({ revision: "1" });
});

test("a write without any response in time has an unknown outcome, a read has not", async () => {
  const server = await startServerProcess(["--log", "memory:"]);
  onTestFinished(async () => void (await server.stop()));
  const proxy = await startCuttingProxy(server.address, Number.POSITIVE_INFINITY);
  const soon = ["--timeout", "300ms"];
  expect((await runCli(["put", "a", "x", ...soon], { address: proxy })).code).toBe(7);
  expect((await runCli(["get", "a", ...soon], { address: proxy })).code).toBe(6);
});
