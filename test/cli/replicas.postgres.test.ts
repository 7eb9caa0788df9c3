import { once } from "node:events";
import { createInterface } from "node:readline";
import { expect, onTestFinished, test } from "vitest";
import { startReplicas } from "../replicas/cluster.ts";
import { sharedPostgres } from "../support/shared-postgres.ts";
import { until } from "../support/until.ts";
import { runCli, startCli } from "./run-cli.ts";

/** A command that runs on, with the lines that it has printed so far. */
function start(args: readonly string[], address: string) {
  const child = startCli(args, { address });
  onTestFinished(() => void child.kill("SIGKILL"));
  const running = { child, ended: once(child, "close"), lines: [] as string[] };
  createInterface(child.stdout).on("line", (line) => running.lines.push(line));
  return running;
}

test("commands go on at another replica when theirs is killed", async () => {
  const replicas = await startReplicas(await sharedPostgres().createDatabase(), 2);
  const [first, second] = replicas.map(({ address }) => address) as [string, string];
  const both = `${first},${second}`;
  const duetkv = async (...args: string[]) => {
    const { code, stdout } = await runCli([...args, "--timeout", "100s"], { address: both });
    expect({ args, code }).toEqual({ args, code: 0 });
    return stdout.toString();
  };
  await duetkv("put", "w/1", "1");
  // A replica reads what another one has written.
  expect((await runCli(["get", "w/1"], { address: second })).stdout.toString()).toBe("1");

  const watch = start(["watch", "--prefix", "w/", "--json"], both);
  await until(() => watch.lines.length > 0);
  const script = "echo $DUETKV_FENCE; read line; echo $line";
  const lock = start(["lock", "l", "--ttl", "30s", "--timeout", "20s", "--", "sh", "-c", script], both);
  await until(() => lock.lines.length === 1);

  await replicas[0]?.stop("SIGKILL");
  for (const key of ["w/2", "w/3"]) await duetkv("put", key, key, "--if-new");
  const keys = () =>
    watch.lines.flatMap((line) =>
      JSON.parse(line).events.map(({ entry }: { entry: { key: string } }) => entry.key),
    );
  await until(() => keys().length === 2);
  expect(keys()).toEqual(["w/2", "w/3"]);

  // The lock has its fence still, and is released at the other replica.
  expect(JSON.parse(await duetkv("get", "l", "--json")).revision).toBe(lock.lines[0]);
  lock.child.stdin.write("done\n");
  expect(await lock.ended).toEqual([0, null]);
  expect(lock.lines[1]).toBe("done");
  expect(await duetkv("ls", "l", "--count")).toBe("0\n");
});
