import { execFile } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, test } from "vitest";
import { hasPrograms } from "../support/programs.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";

const file = new URL("../../deploy/systemd/duetkv.service", import.meta.url);
const dockerfile = new URL("../../Dockerfile", import.meta.url);
const run = promisify(execFile);

/** The unit with programs that exist, which `systemd-analyze verify` asks for. */
async function placedUnit(change = (text: string) => text): Promise<string> {
  const directory = await temporaryDirectory();
  const path = join(directory, "duetkv.service");
  await mkdir(join(directory, "duetkv"));
  await writeFile(join(directory, "duetkv/node"), "", { mode: 0o755 });
  const text = await readFile(file, "utf8");
  await writeFile(path, change(text.replaceAll("/opt/duetkv", join(directory, "duetkv"))));
  return path;
}

test.skipIf(!hasPrograms("systemd-analyze"))(
  "systemd accepts the unit and finds it well confined",
  async () => {
    expect((await run("systemd-analyze", ["verify", await placedUnit()])).stderr).toBe("");
    const misspelt = await placedUnit((text) => text.replace("ProtectHome", "ProtectHouse"));
    expect((await run("systemd-analyze", ["verify", misspelt])).stderr).toContain("ProtectHouse");
    // Of 100; most services have 90.
    await run("systemd-analyze", ["security", "--offline=true", "--threshold=20", await placedUnit()]);
  },
);

test("the unit starts Node with the flags of the image", async () => {
  const [unit, image] = await Promise.all([readFile(file, "utf8"), readFile(dockerfile, "utf8")]);
  const flags = image.slice(image.indexOf("ENTRYPOINT")).match(/--[\w-]+(?:=\d+)?/g);
  expect(flags?.length).toBe(3);
  expect(unit).toContain(`ExecStart=/opt/duetkv/node ${flags?.join(" ")} /opt/duetkv/duetkv.mjs`);
});
