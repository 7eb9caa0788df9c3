import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";

const rules = "deploy/prometheus/duetkv.rules.yaml";
const ruleTests = ["deploy/prometheus/duetkv.rules.test.yaml", "deploy/prometheus/duetkv.backup.test.yaml"];
const root = new URL("../../", import.meta.url);
const read = (path: string) => readFile(new URL(path, root), "utf8");

test.skipIf(!hasPrograms("promtool"))(
  "promtool accepts the alerts, and each fires and is quiet when it should",
  async () => {
    const run = (...args: string[]) => promisify(execFile)("promtool", args, { cwd: root });
    await run("check", "rules", rules);
    await run("test", "rules", ...ruleTests);
  },
);

test("each alert is tested, and has a section in the runbook", async () => {
  const [text, runbook, ...tests] = await Promise.all([rules, "docs/runbook.md", ...ruleTests].map(read));
  const alerts = [...(text as string).matchAll(/- alert: (\w+)[^]*?runbook\.md#(\w+)/g)];
  expect(alerts.length).toBeGreaterThan(20);
  const headings = [...(runbook as string).matchAll(/^## (\w+)$/gm)].map(([, heading]) =>
    heading?.toLowerCase(),
  );
  for (const [, alert, fragment] of alerts) {
    expect(tests.join("")).toContain(`alertname: ${alert}`);
    expect(headings).toContain(fragment);
    expect(runbook).toContain(alert);
  }
});

test.each([rules, "deploy/grafana/duetkv.json"])(
  "%s asks for metrics that docs/metrics.md lists",
  async (path) => {
    const [text, page] = await Promise.all([read(path), read("docs/metrics.md")]);
    // A histogram has these in place of its name.
    const names = [...text.matchAll(/\bduetkv_\w+/g)].map(([name]) =>
      name.replace(/_(?:bucket|sum|count)$/, ""),
    );
    expect(names.length).toBeGreaterThan(20);
    expect(names.filter((name) => !page.includes(`\`${name}`))).toEqual([]);
  },
);
