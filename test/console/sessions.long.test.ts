import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { createToken } from "../../src/security/token.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { describeConsole, findViolations, openConsole, toPath } from "./open-console.ts";

/** A policy file with identities by token, which may be replaced while a server runs. */
async function openPolicy() {
  const path = join(await temporaryDirectory(), "policy.json");
  const [admin, reader, second] = [createToken(), createToken(), createToken()];
  async function write(names: Readonly<Record<string, typeof admin>>): Promise<void> {
    const tokens = Object.entries(names).map(([name, { id, hash }]) => {
      return { id, hash, name, roles: [name === "admin" ? "admin" : "reader"] };
    });
    const allow = ["read", "list", "watch"];
    const roles = {
      admin: [{ prefix: "", allow: ["*"] }, { server: ["status"] }],
      reader: [
        { prefix: "team/a/", allow },
        { prefix: "team/b/", allow },
      ],
    };
    await writeFile(`${path}.new`, JSON.stringify({ version: 1, tokens, roles }));
    await rename(`${path}.new`, path);
  }
  await write({ admin, reader });
  return {
    flags: ["--policy", path],
    admin: admin.token,
    reader: reader.token,
    second: second.token,
    /** Takes the token of the reader away, and gives a second one. */
    replaceReader: () => write({ admin, second }),
  };
}

async function signIn(page: Page, token: string): Promise<void> {
  await page.getByRole("dialog").getByLabel("Token").fill(token);
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor({ state: "hidden" });
}

describeConsole(() => {
  test("asks for a token, opens at what it may see, and asks again when the token ends in mid-watch", async () => {
    const policy = await openPolicy();
    const console = await openConsole(
      { "team/a/x": "1", "team/b/y": "2", secret: "3" },
      policy.flags,
      policy.admin,
    );
    const { page } = console;
    await page.getByText("The service asks for a token.").waitFor();
    expect(await findViolations(page)).toEqual([]);
    await signIn(page, policy.reader);
    await page.getByRole("heading", { name: "team/b/" }).waitFor();
    await expect.poll(() => page.locator(".level a").allTextContents()).toEqual(["x", "y"]);
    expect(
      await page.evaluate<string>("JSON.stringify([sessionStorage, localStorage, document.cookie])"),
    ).toBe('[{},{},""]');
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByRole("cell", { name: "team/b/" }).waitFor();
    expect(await findViolations(page)).toEqual([]);

    await console.show("watch?prefix=team/a/");
    await page.getByText("live", { exact: true }).waitFor();
    await console.call("PUT", toPath("team/a/x"), "before");
    await page.getByRole("cell", { name: "before" }).waitFor();
    await policy.replaceReader();
    await page.getByText(/The token is refused/).waitFor();
    expect(await page.getByRole("cell", { name: "before" }).count()).toBe(1);
    await page.getByLabel("Keep it until this tab is closed").check();
    await signIn(page, policy.second);
    await page.getByText("live", { exact: true }).waitFor();
    await console.call("PUT", toPath("team/a/x"), "after");
    await page.getByRole("cell", { name: "after" }).waitFor();
    expect(await page.evaluate<string>("JSON.stringify(sessionStorage)")).toContain(policy.second);
    await page.reload();
    await page.getByRole("button", { name: "second" }).waitFor();
    expect(console.faults).toEqual([]);
  });

  test("seven tabs over HTTP/1.1 share one stream, also after the tab that leads is closed", async () => {
    const console = await openConsole({ "shared/a": "1" });
    const tabs = [console.page];
    while (tabs.length < 7) tabs.push(await console.openTab());
    await console.show("watch?prefix=shared/");
    for (const tab of tabs.slice(1)) await tab.evaluate("location.hash = '#/watch?prefix=shared/'");
    const watches = async () => {
      const metrics = await (await fetch(`http://${console.server.adminAddress}/metrics`)).text();
      return Number(/^duetkv_watchers (\d+)$/m.exec(metrics)?.[1]);
    };
    const isShown = (value: string) => async () => {
      for (const tab of tabs) await tab.getByRole("cell", { name: value, exact: true }).waitFor();
    };
    for (const tab of tabs) await tab.getByText("live", { exact: true }).waitFor();
    await expect.poll(watches).toBe(1);
    await console.call("PUT", toPath("shared/a"), "first");
    await isShown("first")();
    await tabs.shift()?.close();
    await console.call("PUT", toPath("shared/a"), "second");
    await isShown("second")();
    await expect.poll(watches).toBe(1);
    // Each tab can still call: the connections are not all taken.
    for (const tab of tabs) {
      await tab.evaluate("location.hash = '#/entry?key=shared/a'");
      await tab.getByText("second", { exact: true }).waitFor();
    }
    expect(console.faults).toEqual([]);
  });

  test("can be used with the keyboard alone", async () => {
    const console = await openConsole({ "config/a": "1", "config/b": "2" });
    const { page } = console;
    const focused = () =>
      page.evaluate<string>("document.activeElement.textContent || document.activeElement.ariaLabel");
    const tabTo = async (text: string) => {
      for (let presses = 0; presses < 40 && (await focused()) !== text; presses++)
        await page.keyboard.press("Tab");
      expect(await focused()).toBe(text);
    };
    await page.getByRole("button", { name: "Open config/" }).waitFor();
    expect(await focused()).toBe("Browse");
    await tabTo("Open config/");
    await page.keyboard.press("Enter");
    await page.getByRole("link", { name: "b", exact: true }).waitFor();
    await tabTo("b");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "config/b" }).waitFor();
    await tabTo("Edit");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "Edit config/b" }).waitFor();
    for (let presses = 0; presses < 40; presses++) {
      if (await page.evaluate<boolean>("document.activeElement.id === 'draft'")) break;
      await page.keyboard.press("Tab");
    }
    await page.keyboard.press("Control+A");
    await page.keyboard.type("typed");
    await tabTo("Save");
    await page.keyboard.press("Enter");
    await page.getByText("typed", { exact: true }).waitFor();
    expect(await (await console.call("GET", toPath("config/b"))).text()).toBe("typed");
    expect(console.faults).toEqual([]);
  });
});
