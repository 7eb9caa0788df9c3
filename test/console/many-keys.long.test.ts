import { expect, test } from "vitest";
import { describeConsole, openConsole } from "./open-console.ts";

const count = 100_000;
const perCommit = 500;

describeConsole(() => {
  test("shows, filters and deletes 100,000 keys below one node", async () => {
    const console = await openConsole({ kept: "x" });
    const { page } = console;
    for (let start = 0; start < count; start += perCommit) {
      const mutations = Array.from({ length: perCommit }, (_, index) => ({
        put: { key: `many/${String(start + index).padStart(6, "0")}`, value: "x" },
      }));
      await console.call("POST", "/v1/key:commit", JSON.stringify({ mutations }));
    }
    await page.reload();
    await page.getByRole("button", { name: "Open many/" }).click();
    const rows = page.locator(".level .level > li");
    await expect.poll(() => rows.count()).toBe(200);
    await page.getByRole("button", { name: "More" }).click();
    await expect.poll(() => rows.count()).toBe(400);
    await page.getByLabel("Keys that begin with").fill("many/09999");
    await page.keyboard.press("Enter");
    await expect.poll(() => page.locator(".level > li").allTextContents()).toEqual(Array.from("0123456789"));

    await console.show("bulk?prefix=many/");
    await page.getByLabel("Type the prefix to confirm").fill("many/");
    await page.getByRole("button", { name: "Delete 100,000 keys" }).click();
    await page.getByText(/^[\d,]+ deleted, 0 kept$/).waitFor();
    await page.getByRole("button", { name: "Cancel" }).click();
    await page.getByText(/^Done: [\d,]+ deleted, 0 kept$/).waitFor();
    const { count: left } = (await (
      await console.call("GET", "/v1/key?prefix=many/&count_only=true")
    ).json()) as {
      count: string;
    };
    expect(Number(left)).toBeGreaterThan(0);
    expect(Number(left)).toBeLessThan(count);
    await page.getByLabel("Type the prefix to confirm").fill("many/");
    await page.getByRole("button", { name: /^Delete [\d,]+ keys$/ }).click();
    await expect
      .poll(async () => (await console.call("GET", "/v1/key?count_only=true")).json())
      .toMatchObject({ count: "1" });
    expect(console.faults).toEqual([]);
  });
});
