import { expect, test } from "vitest";
import { until } from "../support/until.ts";
import { describeConsole, findViolations, openConsole, toPath } from "./open-console.ts";

describeConsole(() => {
  test("edits with a condition, and shows base, theirs and mine when somebody else was first", async () => {
    const console = await openConsole({ "config/a": '{"n": 1}' });
    const { page } = console;
    await console.show("edit?key=config/a");
    await page.getByLabel("Value", { exact: true }).fill('{"n": ');
    await page.getByText(/Not valid JSON/).waitFor();
    await page.getByLabel("Value", { exact: true }).fill('{"n": 2}');
    await expect.poll(() => page.locator(".diff .added").textContent()).toBe('+ {"n": 2}');
    expect(await findViolations(page)).toEqual([]);

    await console.call("PUT", toPath("config/a"), '{"n": 3}');
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByText(/Somebody else was first: the entry is now at revision 2/).waitFor();
    expect(await page.getByLabel("Base", { exact: true }).textContent()).toBe('{"n": 1}');
    expect(await page.getByLabel("Theirs", { exact: true }).textContent()).toBe('{"n": 3}');
    expect(await page.getByLabel("Mine", { exact: true }).inputValue()).toBe('{"n": 2}');
    expect(await findViolations(page)).toEqual([]);
    expect(await (await console.call("GET", toPath("config/a"))).text()).toBe('{"n": 3}');
    await page.getByRole("button", { name: "Save mine over theirs" }).click();
    await page.waitForURL(/entry\?key=config%2Fa/);
    expect(await (await console.call("GET", toPath("config/a"))).text()).toBe('{"n": 2}');
    expect(console.faults).toEqual([]);
  });

  test("asks before a link leaves what is not saved", async () => {
    const console = await openConsole({ a: "before" });
    const { page } = console;
    await console.show("edit?key=a");
    const value = page.getByLabel("Value", { exact: true });
    await value.fill("draft");
    const questions: string[] = [];
    page.on("dialog", (dialog) => {
      questions.push(dialog.message());
      void (questions.length === 1 ? dialog.dismiss() : dialog.accept());
    });
    await page.getByRole("link", { name: "Browse" }).click();
    await page.waitForURL(/edit\?key=a/);
    expect(await value.inputValue()).toBe("draft");
    await page.getByRole("link", { name: "Cancel" }).click();
    await page.waitForURL(/entry\?key=a/);
    expect(questions).toEqual(["Leave without saving?", "Leave without saving?"]);
    await page.getByRole("link", { name: "Browse" }).click();
    await page.waitForURL(/browse/);
    expect(questions).toHaveLength(2);
    expect(console.faults).toEqual([]);
  });

  test("asks before Back, Forward, a reload or the end of the tab leave what is not saved", async () => {
    const console = await openConsole({ a: "before" });
    const { page } = console;
    const questions: string[] = [];
    let isAllowed = false;
    page.on("dialog", (dialog) => {
      questions.push(dialog.type());
      void (isAllowed ? dialog.accept() : dialog.dismiss());
    });
    const asked = async (kind: string, count: number) => {
      await until(() => questions.length === count);
      expect(questions.at(-1)).toBe(kind);
      await page.waitForURL(/edit\?key=a/);
      expect(await value.inputValue()).toBe("draft");
    };
    await console.show("entry?key=a");
    await page.getByRole("link", { name: "Edit" }).click();
    await page.waitForURL(/edit\?key=a/);
    await page.getByRole("link", { name: "Cluster" }).click();
    await page.waitForURL(/cluster/);
    await page.evaluate("history.back()");
    await page.waitForURL(/edit\?key=a/);
    const value = page.getByLabel("Value", { exact: true });
    await value.click();
    await value.fill("draft");
    await page.evaluate("history.back()");
    await asked("confirm", 1);
    await page.evaluate("history.go(-2)");
    await asked("confirm", 2);
    await page.evaluate("history.forward()");
    await asked("confirm", 3);
    // Not awaited: it has no end as long as the page stays.
    await page.evaluate("void setTimeout(() => location.reload())");
    await asked("beforeunload", 4);
    await page.close({ runBeforeUnload: true });
    await asked("beforeunload", 5);

    isAllowed = true;
    await page.evaluate("history.back()");
    await until(() => questions.length === 6);
    await page.waitForURL(/entry\?key=a/);
    await page.getByRole("heading", { name: "a", exact: true }).waitFor();
    await page.evaluate("history.forward()");
    await page.waitForURL(/edit\?key=a/);
    expect(await value.inputValue()).toBe("before");
    await page.getByLabel(/Time to live/).fill("1000");
    isAllowed = false;
    await page.evaluate("history.back()");
    await until(() => questions.length === 7);
    await page.waitForURL(/edit\?key=a/);
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(/entry\?key=a/);
    expect(questions).toHaveLength(7);
    expect(console.faults).toEqual([]);
  });

  test("keeps the time to live of what it edits, and creates only keys that are new", async () => {
    const console = await openConsole({ taken: "before" });
    const { page } = console;
    await console.call("PUT", `${toPath("session")}?ttl=1000s`, "a");
    await console.show("edit?key=session");
    await page.getByLabel("Value", { exact: true }).fill("b");
    await page.getByRole("button", { name: "Save" }).click();
    await page.waitForURL(/entry\?key=session/);
    await page.getByText(/in 16 min/).waitFor();

    await page.getByRole("link", { name: "Browse" }).click();
    await page.getByRole("link", { name: "New entry" }).click();
    await page.getByRole("textbox", { name: "Key" }).fill("taken");
    await page.getByLabel("Value", { exact: true }).fill("mine");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByText(/Somebody else was first/).waitFor();
    await page.getByRole("button", { name: "Take theirs" }).click();
    expect(await page.getByLabel("Value", { exact: true }).inputValue()).toBe("before");
    expect(console.faults).toEqual([]);
  });

  test("writes under the new name when the key is renamed after a conflict", async () => {
    const console = await openConsole({ taken: "before" });
    const { page } = console;
    for (const [name, isTaken] of [
      ["first", false],
      ["second", true],
    ] as const) {
      await console.show("browse");
      await page.getByRole("link", { name: "New entry" }).click();
      await page.getByRole("textbox", { name: "Key" }).fill("taken");
      await page.getByLabel("Value", { exact: true }).fill("mine");
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.getByText(/Somebody else was first/).waitFor();
      if (isTaken) await page.getByRole("button", { name: "Take theirs" }).click();
      await page.getByRole("textbox", { name: "Key" }).fill(name);
      await page.getByRole("button", { name: "Save", exact: true }).click();
      await page.waitForURL(new RegExp(`entry\\?key=${name}`));
    }
    const read = async (key: string) => (await console.call("GET", toPath(key))).text();
    expect([await read("taken"), await read("first"), await read("second")]).toEqual([
      "before",
      "mine",
      "before",
    ]);
    expect(console.faults).toEqual([]);
  });

  test("edits the key of the address, and keeps the ends of its lines", async () => {
    const console = await openConsole({ a: "of a", b: "one\r\ntwo\r\n", mixed: "one\r\ntwo\n" });
    const { page } = console;
    const value = page.getByLabel("Value", { exact: true });
    await console.show("edit?key=a");
    await expect.poll(() => value.inputValue()).toBe("of a");
    await console.show("edit?key=b");
    await expect.poll(() => value.inputValue()).toBe("one\ntwo\n");
    await value.fill("one\n2\n");
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.waitForURL(/entry\?key=b/);
    expect(await (await console.call("GET", toPath("b"))).text()).toBe("one\r\n2\r\n");
    expect(await (await console.call("GET", toPath("a"))).text()).toBe("of a");
    await console.show("edit?key=mixed");
    await page.getByText("The lines of the value end in different ways").waitFor();
    expect(console.faults).toEqual([]);
  });

  test("shows the versions of a key, what differs, and reverts", async () => {
    const console = await openConsole({ a: "one\ntwo" });
    const { page } = console;
    for (const value of ["one\n2", "one\n2\nthree"]) await console.call("PUT", toPath("a"), value);
    await console.show("history?key=a");
    const diff = page.getByLabel("Difference of the two versions");
    await expect.poll(() => diff.locator(".added").allTextContents()).toEqual(["+ three"]);
    await page.getByText("The history of the store reaches back to revision").waitFor();
    await page.getByLabel("from 1").check();
    await expect.poll(() => diff.locator(".removed").allTextContents()).toEqual(["− two"]);
    expect(await findViolations(page)).toEqual([]);
    await console.call("PUT", `${toPath("a")}?ttl=1000s`, "last");
    await page.getByRole("button", { name: "Revert to 3" }).waitFor();
    await page.getByRole("button", { name: "Revert to 1" }).click();
    await page.waitForURL(/entry\?key=a/);
    await page.getByText(/in 16 min/).waitFor();
    expect(await (await console.call("GET", toPath("a"))).text()).toBe("one\ntwo");
    expect(console.faults).toEqual([]);
  });

  test("shows changes since a revision and as they happen, filtered, and holds them while paused", async () => {
    const console = await openConsole({ "x/1": "a", "x/2": "b", other: "c", "x/3": "d" });
    const { page } = console;
    await console.show("watch?prefix=x/&since=1");
    const keys = page.locator("td.key");
    await expect.poll(() => keys.allTextContents()).toEqual(["x/3", "x/2"]);
    await console.call("PUT", toPath("x/4"), "e");
    await expect.poll(() => keys.allTextContents()).toEqual(["x/4", "x/3", "x/2"]);
    expect(await findViolations(page)).toEqual([]);
    await page.getByLabel("Filter by key").fill("/3");
    await expect.poll(() => keys.allTextContents()).toEqual(["x/3"]);
    await page.getByLabel("Filter by key").fill("");
    await page.getByRole("button", { name: "Pause" }).click();
    await console.call("DELETE", toPath("x/4"));
    await page.getByRole("button", { name: "Resume (1)" }).click();
    await expect.poll(() => keys.allTextContents()).toEqual(["x/4", "x/4", "x/3", "x/2"]);
    expect(console.faults).toEqual([]);
  });

  test("deletes below a node, once the prefix is typed", async () => {
    const entries = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`old/${index}`, "x"]));
    const console = await openConsole({ ...entries, kept: "x" });
    const { page } = console;
    await console.show("bulk?prefix=old/");
    const button = page.getByRole("button", { name: "Delete 20 keys" });
    await button.waitFor();
    expect(await button.isDisabled()).toBe(true);
    expect(await findViolations(page)).toEqual([]);
    await console.call("PUT", toPath("old/later"), "not counted");
    await page.getByLabel("Type the prefix to confirm").fill("old/");
    await button.click();
    await page.getByText("Done: 20 deleted, 0 kept").waitFor();
    const { entries: left } = (await (await console.call("GET", "/v1/key")).json()) as { entries: unknown[] };
    expect(left).toHaveLength(2);
    expect(console.faults).toEqual([]);
  });

  test("keeps a key that somebody changes while its batch is deleted", async () => {
    const console = await openConsole({ "old/a": "1", "old/b": "2", "old/c": "3" });
    const { page } = console;
    await page.route(/KeyValueService\/Commit$/, async (route) => {
      await console.call("PUT", toPath("old/b"), "changed");
      await route.continue();
    });
    await console.show("bulk?prefix=old/");
    await page.getByLabel("Type the prefix to confirm").fill("old/");
    await page.getByRole("button", { name: "Delete 3 keys" }).click();
    await page.getByText("Done: 2 deleted, 1 kept").waitFor();
    expect(await (await console.call("GET", toPath("old/b"))).text()).toBe("changed");
    expect(console.faults).toEqual([]);
  });

  test("shows how the service is doing, and who it takes the caller for", async () => {
    const console = await openConsole({ a: "1" });
    const { page } = console;
    await page.getByRole("link", { name: "Cluster" }).click();
    await page.getByText("The log takes writes.").waitFor();
    await page.getByRole("row").nth(1).waitFor();
    expect(await findViolations(page)).toEqual([]);
    await page.getByRole("link", { name: "Access" }).click();
    await page.getByText(/duetkv whoami/).waitFor();
    expect(await findViolations(page)).toEqual([]);
    expect(console.faults).toEqual([]);
  });
});
