import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import packageJson from "../package.json" with { type: "json" };
import type { Sbom } from "../tools/sbom.ts";
import { sbomErrors } from "./support/sbom-errors.ts";
import { serverProgram } from "./support/server-program.ts";

const run = promisify(execFile);
const root = new URL("../", import.meta.url).pathname;
/** The installed program finds the Node of this project, which is the one that it is for. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}` };

async function emptyFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "duetkv-package-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

test("the package serves where nothing else is installed", async () => {
  const [bundle, folder] = [dirname(serverProgram()), await emptyFolder()];
  const { stdout } = await run("npm", ["pack", bundle, "--silent", "--pack-destination", folder], { env });
  await run("npm", ["install", "--offline", join(folder, stdout.trim())], { cwd: folder, env });
  expect(await readdir(join(folder, "node_modules"))).toEqual([".bin", ".package-lock.json", "duetkv"]);

  const sbom = await readFile(join(folder, "node_modules/duetkv/sbom.cdx.json"), "utf8");
  expect(await sbomErrors(sbom)).toEqual([]);
  const { metadata, components, dependencies } = JSON.parse(sbom) as Sbom;
  expect(metadata.component.purl).toBe(`pkg:npm/duetkv@${packageJson.version}`);
  const parts = components.map(({ purl }) => purl);
  // Of the service and of the console; not of tools and tests.
  expect(parts).toContain(`pkg:npm/pg@${packageJson.dependencies.pg}`);
  expect(parts).toContain(`pkg:npm/preact@${packageJson.dependencies.preact}`);
  expect(parts.join()).not.toContain("vitest");
  expect(dependencies.map(({ ref }) => ref)).toEqual([metadata.component.purl, ...parts]);
  expect(new Set(dependencies.flatMap(({ dependsOn }) => dependsOn))).toEqual(new Set(parts));

  const data = join(folder, "data");
  const flags = ["--log", `file:${data}`, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"];
  const program = join(folder, "node_modules/.bin/duetkv");
  expect((await run(program, ["--version"], { env })).stdout.trim()).toBe(packageJson.version);
  const server = spawn(program, flags, { stdio: ["ignore", "pipe", "inherit"], env });
  onTestFinished(() => void server.kill("SIGKILL"));
  let address: string | undefined;
  for await (const line of createInterface(server.stdout)) {
    address = JSON.parse(line).listen;
    if (address !== undefined) break;
  }
  const url = `http://${address}/v1/key/greeting`;
  expect((await fetch(url, { method: "PUT", body: "hello" })).status).toBe(201);
  expect(await (await fetch(url)).text()).toBe("hello");
  const page = await (await fetch(`http://${address}/console/`)).text();
  const script = /src="(main-\w+\.js)"/.exec(page)?.[1];
  expect((await fetch(`http://${address}/console/${script}`)).status).toBe(200);
  server.kill();
  expect((await once(server, "exit"))[0]).toBe(0);
  expect((await run(program, ["log", "verify", "--log", `file:${data}`], { env })).stdout).toContain(
    "last sequence 1",
  );
});

test("the label of the image has the version", async () => {
  const [, version] = /image\.version="(.*)"/.exec(await readFile(join(root, "Dockerfile"), "utf8")) ?? [];
  expect(version).toBe(packageJson.version);
});

test.each([
  "README.md",
  "docs/operations.md",
  "deploy/compose.yaml",
  "deploy/kubernetes.yaml",
  "deploy/kubernetes-postgres.yaml",
])("%s names the image by the tag of the version", async (page) => {
  const text = await readFile(join(root, page), "utf8");
  const images = [...text.matchAll(/(?:image:|--tag|docker run .*) (duetkv(?::[\w.]+)?)(?=\s|$)/gm)].map(
    ([, image]) => image,
  );
  expect(new Set(images)).toEqual(new Set([`duetkv:${packageJson.version}`]));
});
