import { existsSync } from "node:fs";
import { type Browser, chromium } from "playwright-core";
import { onTestFinished } from "vitest";

const candidates = [
  process.env["CHROMIUM"],
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
];
const path = candidates.find((each) => each !== undefined && existsSync(each));

/** Whether there is no Chromium to test with. Says so; in CI there must be one. */
export function lacksChromium(): boolean {
  if (path !== undefined) return false;
  if (process.env["CI"] === "true")
    throw new Error("CI needs Chromium: install it, or set CHROMIUM to its path");
  console.warn("skipped: no Chromium found; set CHROMIUM to its path");
  return true;
}

/** A headless browser, until the running test is over. `flags` are those of Chromium. */
export async function openChromium(...flags: readonly string[]): Promise<Browser> {
  const browser = await launchChromium(...flags);
  onTestFinished(() => browser.close());
  return browser;
}

/** A headless browser, which the caller closes. */
export function launchChromium(...flags: readonly string[]): Promise<Browser> {
  if (path === undefined) throw new Error("no Chromium found");
  const quiet = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
  ];
  return chromium.launch({
    executablePath: path,
    args: ["--no-sandbox", "--disable-gpu", "--disable-sync", ...quiet, ...flags],
  });
}
