import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";
import { expect, onTestFinished, test } from "vitest";
import { createConfiguration } from "../../src/config/configuration.ts";
import { silentLogger } from "../../src/logging.ts";
import { openServer } from "../../src/server.ts";
import { MemoryTransactionLogger } from "../../src/transaction-log/memory/memory-transaction-logger.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

test("docs/metrics.md lists every metric, and besides them only those of a policy and of replicas", async () => {
  const directory = await temporaryDirectory();
  const [cert, key] = [join(directory, "tls.crt"), join(directory, "tls.key")];
  const pair = await generate([{ name: "commonName", value: "localhost" }], {
    algorithm: "sha256",
    keyType: "ec",
  });
  await writeFile(cert, pair.cert);
  await writeFile(key, pair.private);
  const anywhere = { listen: "127.0.0.1:0", "admin-listen": "127.0.0.1:0" };
  const configuration = createConfiguration({ ...anywhere, "tls-cert": cert, "tls-key": key }, {});
  const server = await openServer(configuration, async () => new MemoryTransactionLogger(), silentLogger);
  onTestFinished(() => server.close());
  const text = await (await fetch(`http://127.0.0.1:${server.adminAddress.port}/metrics`)).text();
  const shown = [...text.matchAll(/^# TYPE (duetkv_\w+) /gm)].map(([, name]) => name);
  const page = await readFile(new URL("../../docs/metrics.md", import.meta.url), "utf8");
  const listed = page
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .flatMap((line) => [...(line.split(" | ")[0] ?? "").matchAll(/`(duetkv_\w+)/g)].map(([, name]) => name));
  const elsewhere = /^duetkv_(?:audit_|auth_|denied_|jwks_|policy_|forward|received_operations)/;
  expect(shown.filter((name) => !listed.includes(name))).toEqual([]);
  expect(listed.filter((name) => !shown.includes(name) && !elsewhere.test(name ?? ""))).toEqual([]);
});
