import { expect, onTestFinished, test } from "vitest";
import { request } from "../support/rest-request.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { connectTo, isReady, startReplica } from "./cluster.ts";

const server = sharedPostgres();
const codec = new URL("../../src/transaction-log/codec/transaction-decoder.ts", import.meta.url).href;
/** Not the bundle, of which nothing can be replaced. */
const sources = new URL("../../src/main.ts", import.meta.url).pathname;

/**
 * Starts a replica that reads another value of the key "spoilt" than the one that is in the log. With an audit it takes no
 * operations of the others: what it appends for them it would not read.
 */
async function startSpoiler(url: string): Promise<ServerProcess> {
  const preload = `
    import { TransactionDecoder } from ${JSON.stringify(codec)};
    const { decode } = TransactionDecoder.prototype;
    TransactionDecoder.prototype.decode = function (...args) {
      const transaction = decode.apply(this, args);
      const spoil = (event) => (event.key === "spoilt" && event.type === "put" ? { ...event, value: "!" } : event);
      return { ...transaction, events: transaction.events.map(spoil) };
    };`;
  const replica = await startServerProcess(
    ["--log", url, "--audit", "denied"],
    { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(preload)}` },
    [],
    sources,
  );
  onTestFinished(async () => {
    await replica.stop("SIGKILL");
  });
  return replica;
}

async function get(address: string, path: string): Promise<string> {
  return (await request(`http://${address}`, "GET", path)).body.toString();
}

test("replicas that hold different entries say so and are not ready until they hold the same", async () => {
  const url = await server.createDatabase();
  const [good, spoiler] = await Promise.all([startReplica(url), startSpoiler(url)]);
  const client = connectTo(good);
  await client.put({ key: "fine", value: "x" });
  await until(async () => expect(JSON.parse(await get(good.address, "/v1/status")).replicas).toHaveLength(2));
  for (const replica of [good, spoiler]) expect(await isReady(replica)).toBe(true);

  await client.put({ key: "spoilt", value: "x" });
  for (const { address, adminAddress, lines } of [good, spoiler]) {
    await until(async () =>
      expect(await get(adminAddress, "/readyz")).toMatch(/^replicas differ: .*revision 2/),
    );
    expect(await get(adminAddress, "/metrics")).toContain("duetkv_replicas_differing 1");
    expect(JSON.parse(await get(address, "/v1/status")).fault).toMatch(/^replicas differ/);
    const errors = lines.map((line) => JSON.parse(line)).filter(({ level }) => level === 50);
    expect(errors).toEqual([expect.objectContaining({ msg: expect.stringMatching(/^replicas differ/) })]);
  }

  // With a third replica it shows which of them is wrong.
  const third = await startReplica(url);
  await until(async () =>
    expect(await get(third.adminAddress, "/metrics")).toContain("duetkv_replicas_differing 1"),
  );
  await until(async () => expect(await isReady(good)).toBe(true));
  expect(await isReady(third)).toBe(true);
  expect(await isReady(spoiler)).toBe(false);

  await client.delete({ key: "spoilt" });
  for (const replica of [good, spoiler, third]) {
    await until(async () => expect(await isReady(replica)).toBe(true));
    await until(async () =>
      expect(await get(replica.adminAddress, "/metrics")).toContain("duetkv_replicas_differing 0"),
    );
  }
});
