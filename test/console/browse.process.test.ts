import { expect, test } from "vitest";
import { describeConsole, findViolations, openConsole, toPath } from "./open-console.ts";

describeConsole(() => {
  test("shows the keys as a tree, level by level, and follows changes", async () => {
    const console = await openConsole({ "config/a": "1", "config/deep/b": "2", top: "3" });
    const { page } = console;
    const row = (name: string) => page.getByRole("link", { name, exact: true });
    await row("top").waitFor();
    expect(await page.getByRole("list").first().getByRole("link").allTextContents()).toEqual([
      "config/",
      "top",
    ]);
    await page.getByRole("button", { name: "Open config/" }).click();
    await row("a").waitFor();
    await row("deep/").waitFor();
    await page.getByText("live", { exact: true }).waitFor();
    await console.call("PUT", toPath("config/between"), "new");
    await row("between").waitFor();
    await console.call("DELETE", toPath("top"));
    await page.getByText(/^deleted \d\d:/).waitFor();
    await page
      .getByText(/^changed \d\d:/)
      .first()
      .waitFor();
    expect(await findViolations(page)).toEqual([]);

    await row("config/").click();
    await page.getByLabel("Keys that begin with").fill("config/b");
    await page.keyboard.press("Enter");
    await page.waitForURL(/prefix=config%2Fb/);
    await expect.poll(() => page.locator(".level a").allTextContents()).toEqual(["etween"]);
    expect(console.faults).toEqual([]);

    // As a page of its own, a value has no rights on the origin of the API.
    const { headers } = await console.call("GET", toPath("config/a"));
    expect(headers.get("content-security-policy")).toBe("sandbox");
  });

  test("loads 200 of many names at a time", async () => {
    const console = await openConsole();
    const count = 1_050;
    for (let start = 0; start < count; start += 350) {
      const mutations = Array.from({ length: 350 }, (_, index) => ({
        put: { key: `many/${String(start + index).padStart(6, "0")}`, value: "x" },
      }));
      await console.call("POST", "/v1/key:commit", JSON.stringify({ mutations }));
    }
    await console.show("browse?prefix=many/");
    const rows = console.page.locator(".level > li");
    await expect.poll(() => rows.count()).toBe(200);
    await console.page.getByRole("button", { name: "More" }).click();
    await expect.poll(() => rows.count()).toBe(400);
    expect(await rows.last().textContent()).toBe("000399");
    for (let click = 0; click < 4; click++) {
      const before = await rows.count();
      await console.page.getByRole("button", { name: "More" }).click();
      await expect.poll(() => rows.count()).toBeGreaterThan(before);
    }
    await expect.poll(() => rows.count()).toBe(count);
    expect(console.faults).toEqual([]);
  });

  test("shows an entry as JSON, text and bytes, and follows its changes", async () => {
    const console = await openConsole({ "config/a": '{"n":1}' });
    const { page } = console;
    await console.show("entry?key=config/a");
    const value = page.locator(".value pre");
    await expect.poll(() => value.textContent()).toBe('{\n  "n": 1\n}');
    await page.getByLabel("text").check();
    expect(await value.textContent()).toBe('{"n":1}');
    await page.getByLabel("hex").check();
    expect(await value.textContent()).toContain("7b 22 6e 22 3a 31 7d");
    expect(await findViolations(page)).toEqual([]);
    await page.getByText("live", { exact: true }).waitFor();
    await console.call("PUT", `${toPath("config/a")}?ttl=90s`, "changed");
    await page.getByText(/in 1 min (2[0-9]|30) s/).waitFor();
    await page.getByLabel("text").check();
    expect(await value.textContent()).toBe("changed");
    page.once("dialog", (dialog) => void dialog.accept());
    await page.getByRole("button", { name: "Delete" }).click();
    await page.getByText("There is no such key.").waitFor();
    expect(console.faults).toEqual([]);
  });

  test("shows values that are markup as text, and the beginning of large ones", async () => {
    const script = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    const console = await openConsole({ [script]: script, large: "x".repeat(1024 * 1024) });
    const { page } = console;
    // The slash of the end tag makes it a level of the tree.
    await page.getByText("<script>").first().waitFor();
    await console.show(`entry?key=${encodeURIComponent(script)}`);
    await expect.poll(() => page.locator(".value pre").textContent()).toBe(script);
    expect(await page.title()).not.toBe("owned");
    await console.show("entry?key=large");
    await page.getByText("1.0 MiB, of which the first 16 KiB are shown").waitFor();
    expect((await page.locator(".value pre").textContent())?.length).toBe(16 * 1024);
    const downloading = page.waitForEvent("download");
    await page.getByRole("button", { name: "Download" }).click();
    const download = await downloading;
    expect(download.suggestedFilename()).toBe("large");
    expect(console.faults).toEqual([]);
  });
});
