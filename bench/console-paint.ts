// When the console paints first and when it shows keys, in milliseconds since the navigation began, with an empty cache and
// with a full one, and what it transfers: node bench/console-paint.ts. It needs Chromium.
import type { Page } from "playwright-core";
import { connect } from "../clients/typescript/src/index.ts";
import { launchChromium } from "../test/support/chromium.ts";
import { startDuetKvOn } from "./duetkv.ts";
import { pinThisProcess } from "./server-process.ts";

const rounds = 20;

interface Load {
  readonly paintMs: number;
  readonly keysMs: number;
  readonly bytes: number;
}

const server = await startDuetKvOn("memory:");
pinThisProcess();
const browser = await launchChromium();
try {
  const url = `http://${server.address}`;
  await using client = connect({ url });
  for (let index = 0; index < 1000; index++) await client.put(`level-${index % 50}/key-${index}`, "value");
  const empty: Load[] = [];
  const full: Load[] = [];
  for (let round = 0; round < rounds; round++) {
    const context = await browser.newContext();
    empty.push(await load(await context.newPage(), `${url}/console/`));
    full.push(await load(await context.newPage(), `${url}/console/`));
    await context.close();
  }
  report("empty cache", empty);
  report("full cache", full);
} finally {
  await browser.close();
  await server.stop();
}

/** Opens the console, and waits until it shows a key. */
async function load(page: Page, url: string): Promise<Load> {
  await page.goto(url);
  await page.getByText("level-0/").first().waitFor();
  // As text: it runs in the browser, whose globals the types of Node lack.
  return page.evaluate<Load>(`(() => {
    const loaded = [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")];
    return {
      paintMs: performance.getEntriesByName("first-contentful-paint")[0].startTime,
      keysMs: performance.now(),
      bytes: loaded.reduce((sum, { transferSize }) => sum + transferSize, 0),
    };
  })()`);
}

function report(name: string, loads: readonly Load[]): void {
  const describe = (values: readonly number[]): string =>
    `${median(values).toFixed(0)} (least ${Math.min(...values).toFixed(0)})`;
  console.log(
    `${name}: first paint ${describe(loads.map(({ paintMs }) => paintMs))} ms, ` +
      `keys ${describe(loads.map(({ keysMs }) => keysMs))} ms, ${median(loads.map(({ bytes }) => bytes))} bytes`,
  );
}

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0;
}
