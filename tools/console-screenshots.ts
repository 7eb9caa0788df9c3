// Takes the screenshots of the web console in the README, with example data on a server of its own: docs/console-*.png.
// Needs Chromium: CHROMIUM names its path.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const root = join(import.meta.dirname, "..");
const flags = ["--log", "memory:", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];

const examples: readonly (readonly [key: string, value: string])[] = [
  ["config/checkout/currencies", '["EUR","USD","SEK"]'],
  ["config/checkout/limits", '{"maxItems": 80, "retry": {"times": 3, "pauseMs": 250}}'],
  ["config/features/dark-mode", "on"],
  ["config/features/new-search", "off"],
  ["config/search/index", "products-7"],
  ["locks/nightly-report", "worker-2"],
  ["services/cart/10.0.3.17", '{"port": 8443, "zone": "b"}'],
  ["services/cart/10.0.3.21", '{"port": 8443, "zone": "a"}'],
  ["services/search/10.0.4.2", '{"port": 9200, "zone": "a"}'],
  ["sessions/4f6a8e2c", "anna"],
];

const server = spawn(process.execPath, [join(root, "src/main.ts"), ...flags], {
  stdio: ["ignore", "pipe", "inherit"],
});
const browser = await chromium.launch({
  executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu"],
});
try {
  const url = `http://${await whenReady()}`;
  const put = (key: string, body: string) => fetch(`${url}/v1/key/${key}`, { method: "PUT", body });
  for (const [key, value] of examples) await put(key, value);
  const page = await browser.newPage({
    viewport: { width: 1180, height: 620 },
    reducedMotion: "reduce",
    colorScheme: "light",
  });
  await page.goto(`${url}/console/`);
  for (const name of ["config/", "checkout/", "services/"]) {
    await page.getByRole("button", { name: `Open ${name}` }).click();
  }
  await page.getByText("live", { exact: true }).waitFor();
  await put("services/cart/10.0.3.30", '{"port": 8443, "zone": "c"}');
  await page
    .getByText(/^changed/)
    .first()
    .waitFor();
  await page.screenshot({ path: join(root, "docs/console-browse.png") });

  const limits = "config/checkout/limits";
  await page.goto(`${url}/console/#/edit?key=${limits}`);
  const value = page.getByLabel("Value", { exact: true });
  await value.fill('{"maxItems": 120, "retry": {"times": 3, "pauseMs": 250}}');
  await put(limits, '{"maxItems": 80, "retry": {"times": 5, "pauseMs": 250}}');
  await page.emulateMedia({ colorScheme: "dark" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText(/Somebody else was first/).waitFor();
  await page.screenshot({ path: join(root, "docs/console-conflict.png") });
} finally {
  await browser.close();
  server.kill();
}

async function whenReady(): Promise<string> {
  for await (const line of createInterface(server.stdout)) {
    const { msg, listen } = JSON.parse(line);
    if (msg === "ready") return listen;
  }
  throw new Error("the server did not start");
}
