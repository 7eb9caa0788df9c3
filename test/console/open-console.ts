import axe from "axe-core";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, onTestFinished } from "vitest";
import { lacksChromium, launchChromium } from "../support/chromium.ts";
import { type ServerProcess, startServerProcess } from "../support/server-process.ts";

export interface OpenConsole {
  readonly server: ServerProcess;
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors of the pages, and reports of their content security policy. */
  readonly faults: readonly string[];
  /** Another tab of the same browser. */
  openTab(path?: string): Promise<Page>;
  /** Goes to a page of the console: `entry?key=a`. */
  show(path: string): Promise<void>;
  /** Calls the REST API beside the browser; fails unless the status is 2xx. */
  call(method: string, path: string, body?: string | Uint8Array<ArrayBuffer>): Promise<Response>;
}

let browser: Browser | undefined;

/** Describes the console by tests that share a browser. Each has windows, storage and connections of its own. */
export function describeConsole(defineTests: () => void): void {
  describe.skipIf(lacksChromium())("the console", () => {
    beforeAll(async () => {
      browser = await launchChromium();
    });
    afterAll(() => browser?.close());
    defineTests();
  });
}

/** A server and its console in the browser, until the running test is over. Values of `entries` are written first. */
export async function openConsole(
  entries: Readonly<Record<string, string>> = {},
  flags: readonly string[] = [],
  token?: string,
): Promise<OpenConsole> {
  const server = await startServerProcess(["--log", "memory:", ...flags]);
  onTestFinished(() => void server.stop("SIGKILL"));
  const url = `http://${server.address}`;
  const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const call: OpenConsole["call"] = async (method, path, body) => {
    const response = await fetch(url + path, { method, headers, ...(body !== undefined && { body }) });
    expect(response.ok, `${method} ${path}: ${response.status}`).toBe(true);
    return response;
  };
  for (const [key, value] of Object.entries(entries)) await call("PUT", toPath(key), value);

  if (browser === undefined) throw new Error("the console opens in tests of describeConsole");
  const context = await browser.newContext({ reducedMotion: "reduce" });
  onTestFinished(() => context.close());
  // Machines that run tests are slow at times.
  context.setDefaultTimeout(200_000);
  const faults: string[] = [];
  await context.exposeFunction("reportFault", (fault: string) => void faults.push(fault));
  // As text: it runs in the browser, whose globals the types of Node lack.
  await context.addInitScript(`addEventListener("securitypolicyviolation", (event) =>
    reportFault(event.violatedDirective + ": " + event.blockedURI + " " + event.sample))`);
  async function openTab(path = ""): Promise<Page> {
    const tab = await context.newPage();
    tab.on("pageerror", ({ message }) => void faults.push(message));
    await tab.goto(`${url}/console/#/${path}`);
    return tab;
  }
  const page = await openTab();
  return {
    server,
    context,
    page,
    faults,
    openTab,
    show: (path) => page.evaluate(`location.hash = ${JSON.stringify(`#/${path}`)}`),
    call,
  };
}

export function toPath(key: string): string {
  return `/v1/key/${key.split("/").map(encodeURIComponent).join("/")}`;
}

/** What axe has to say about a page: nothing, if it is accessible. */
export async function findViolations(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>("'axe' in window"))) await page.evaluate(axe.source);
  return page.evaluate<string[]>(`axe.run(document).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => id + ": " + html + failureSummary)))`);
}
