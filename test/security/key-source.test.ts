import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { exportJWK, generateKeyPair } from "jose";
import { expect, onTestFinished, test, vi } from "vitest";
import { KeySource } from "../../src/security/key-source.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

test("keys of a URL are read again every five minutes, also when no token comes, until it is closed", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const { publicKey } = await generateKeyPair("ES256");
  const key = await exportJWK(publicKey);
  let keys = [{ ...key, kid: "a" }];
  let reads = 0;
  const issuer = createServer((_request, response) => {
    reads++;
    response.end(JSON.stringify({ keys }));
  });
  issuer.listen(0, "127.0.0.1");
  await once(issuer, "listening");
  onTestFinished(() => {
    issuer.closeAllConnections();
    issuer.close();
  });
  let changes = 0;
  const failures: unknown[] = [];
  const source = new KeySource({
    location: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`,
    onFailure: (error) => failures.push(error),
    onChange: () => void changes++,
  });
  onTestFinished(() => source.close());
  await source.keys();
  expect([reads, changes, source.version]).toEqual([1, 1, 1]);
  vi.advanceTimersByTime(300_000);
  await until(() => reads === 2);
  keys = [{ ...key, kid: "b" }];
  await until(async () => {
    // Waits for the read of the timer, if that has not ended.
    await source.refresh();
    return source.version === 2;
  });
  expect(changes).toBe(2);
  source.close();
  const before = reads;
  vi.advanceTimersByTime(3_000_000);
  await source.refresh();
  expect(reads).toBe(before + 1);
  expect(failures).toEqual([]);
});

test("keys of a URL stay in use while the issuer is away", async () => {
  const { publicKey } = await generateKeyPair("ES256");
  const keys = [{ ...(await exportJWK(publicKey)), kid: "a" }];
  let serves = true;
  const issuer = createServer((_request, response) => {
    response.writeHead(serves ? 200 : 503).end(serves ? JSON.stringify({ keys }) : "");
  });
  issuer.listen(0, "127.0.0.1");
  await once(issuer, "listening");
  onTestFinished(() => {
    issuer.closeAllConnections();
    issuer.close();
  });
  const failures: unknown[] = [];
  const source = new KeySource({
    location: `http://127.0.0.1:${(issuer.address() as AddressInfo).port}/jwks`,
    onFailure: (error) => failures.push((error as Error).message),
    onChange() {},
  });
  onTestFinished(() => source.close());
  const before = await source.keys();
  expect(before).toBeDefined();
  serves = false;
  await source.refresh();
  expect(failures).toEqual(["the issuer responded with status 503"]);
  expect(source.isStale).toBe(true);
  expect(await source.keys()).toBe(before);
  expect(source.version).toBe(1);
  serves = true;
  await source.refresh();
  expect(source.isStale).toBe(false);
  expect(await source.keys()).toBe(before);
});

test("a file that is not JSON is refused with the place, and nothing of it is quoted", async () => {
  const location = join(await temporaryDirectory(), "keys.json");
  await writeFile(location, '{"keys": [\n{"kid": jwk-s3cret');
  const failures: unknown[] = [];
  const source = new KeySource({ location, onFailure: (error) => failures.push(error), onChange() {} });
  await source.refresh();
  expect(failures).toEqual([new Error("the keys are not JSON: line 2 column 9")]);
});
