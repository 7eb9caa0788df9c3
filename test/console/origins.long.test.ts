import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { generate } from "selfsigned";
import { describe, expect, onTestFinished, test } from "vitest";
import { lacksChromium, openChromium } from "../support/chromium.ts";
import { startServerProcess } from "../support/server-process.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

async function start(...flags: readonly string[]) {
  const server = await startServerProcess(["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  return server;
}

describe.skipIf(lacksChromium())("the console", () => {
  test("shows when the certificate ends, over TLS", async () => {
    const directory = await temporaryDirectory();
    const pair = await generate([{ name: "commonName", value: "localhost" }], { algorithm: "sha256" });
    const [cert, key] = [join(directory, "tls.crt"), join(directory, "tls.key")];
    await Promise.all([writeFile(cert, pair.cert), writeFile(key, pair.private)]);
    const server = await start("--tls-cert", cert, "--tls-key", key);
    const page = await (await openChromium()).newPage({ ignoreHTTPSErrors: true });
    page.setDefaultTimeout(200_000);
    await page.goto(`https://${server.address}/console/#/cluster`);
    await page.getByRole("heading", { name: "Certificates" }).waitFor();
    expect(await page.getByText(/^ends in \d+ d \d+ h$/).count()).toBe(1);
  });

  test("follows changes where there are no locks, on a name without TLS", async () => {
    const server = await start("--allowed-hosts", "kv.test");
    const browser = await openChromium("--host-resolver-rules=MAP kv.test 127.0.0.1");
    const page = await browser.newPage();
    page.setDefaultTimeout(200_000);
    await page.goto(`http://kv.test:${server.address.split(":")[1]}/console/`);
    expect(await page.evaluate<boolean>("isSecureContext || 'locks' in navigator")).toBe(false);
    await page.getByText("live", { exact: true }).waitFor();
    await fetch(`http://${server.address}/v1/key/a`, { method: "PUT", body: "x" });
    await page.getByRole("link", { name: "a", exact: true }).waitFor();
  });

  test("is not served when it is off", async () => {
    const server = await start("--console", "off");
    expect((await fetch(`http://${server.address}/console/`)).status).toBe(404);
  });
});
