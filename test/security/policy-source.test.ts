import { execFileSync } from "node:child_process";
import { open, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { silentLogger } from "../../src/logging.ts";
import { Policy } from "../../src/security/policy.ts";
import { PolicySource } from "../../src/security/policy-source.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

function policyWith(role: string, jwks?: string): string {
  const issuer = { issuer: "https://id.example", audience: "duetkv", jwks, algorithms: ["ES256"] };
  const jwt = jwks === undefined ? [] : [{ ...issuer, roles: { claim: "groups", map: {} } }];
  return JSON.stringify({ version: 1, roles: { [role]: [] }, jwt });
}

test.each([
  ["the same files", policyWith("second")],
  ["another file of keys", policyWith("second", "keys.json")],
])("a change that comes while a policy with %s is read is seen", async (_name, second) => {
  const directory = await temporaryDirectory();
  const [path, next] = [join(directory, "policy.json"), join(directory, "next.json")];
  await writeFile(join(directory, "keys.json"), '{"keys": []}');
  await writeFile(path, policyWith("first"));
  const source = await PolicySource.open({ path, log: silentLogger, onChange() {}, onKeysChange() {} });
  onTestFinished(() => source.close());
  // A pipe gives its content when the test does.
  execFileSync("mkfifo", [next]);
  await rename(next, path);
  const reloading = source.reload();
  const pipe = await open(path, "w");
  const third = policyWith("third");
  await writeFile(next, third);
  await rename(next, path);
  await pipe.writeFile(second);
  await pipe.close();
  await reloading;
  await until(() => source.policy.sha256 === new Policy(third).sha256);
  expect(source.isStale).toBe(false);
});
