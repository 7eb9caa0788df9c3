import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { chmod, cp, mkdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import type { ContainerEngine } from "./container-engine.ts";

const root = join(import.meta.dirname, "../..");
const execute = promisify(execFile);
const output = async (program: string, ...args: string[]) => (await execute(program, args)).stdout;

/** What the steps of the Dockerfile use, besides Node and npm. */
export const buildPrograms =
  "bash sh env uname dirname mkdir cp cat ls rm chmod chown sort grep sed xargs ldd strip dpkg-query".split(
    " ",
  );

/**
 * Builds the Dockerfile. Its base is the real one, or, where no registry of images can be reached, one that is made of this
 * machine's own files. Resolves with the name of the image.
 */
export async function buildImage(engine: ContainerEngine): Promise<string> {
  const dockerfile = await readFile(join(root, "Dockerfile"), "utf8");
  const [, base] = /^FROM (\S+) AS build$/m.exec(dockerfile) as unknown as [string, string];
  const baseName = `docker.io/library/${base}`;
  await engine.run("buildah", "pull", "--quiet", baseName).catch(() => makeBase(engine, baseName));
  const image = "duetkv:test";
  const mounts = [
    [await npmSettings(engine.directory), "/root/.npmrc"],
    [(await output("npm", "config", "get", "cache")).trim(), "/root/.npm"],
  ].flatMap((paths) => ["--volume", paths.join(":")]);
  const options = ["--isolation=chroot", "--network=host", "--pull-never", "--layers=false"];
  // Images in the format of OCI have no HEALTHCHECK.
  await engine.run("buildah", "build", ...options, "--format=docker", ...mounts, "--tag", image, root);
  return image;
}

/** The settings of this machine's npm, and that packages come from its cache. The image does not get them. */
async function npmSettings(directory: string): Promise<string> {
  const own = join(homedir(), ".npmrc");
  const path = join(directory, "npmrc");
  await writeFile(path, `${existsSync(own) ? await readFile(own, "utf8") : ""}\nprefer-offline=true\n`);
  return path;
}

/** Makes an image that can stand in for Node's image in the build: the same Debian programs, Node and npm. */
async function makeBase(engine: ContainerEngine, name: string): Promise<void> {
  const base = join(engine.directory, "base");
  const within = (path: string) => join(base, path);
  for (const path of ["etc", "root", "tmp", "usr/local/bin", "usr/local/lib/node_modules"])
    await mkdir(within(path), { recursive: true });
  for (const path of ["bin", "lib", "lib64"]) {
    await mkdir(within(`usr/${path}`), { recursive: true });
    await symlink(`usr/${path}`, within(path));
  }
  await chmod(within("tmp"), 0o1777);
  await writeFile(within("etc/passwd"), "root:x:0:0:root:/root:/bin/sh\n");

  const programs = (await output("which", ...buildPrograms)).trim().split("\n");
  // ldd fails on scripts, such as itself.
  const linked = await Promise.all(
    [...programs, process.execPath].map((path) => output("ldd", path).catch(() => "")),
  );
  const libraries = linked.flatMap((text) => text.match(/\/[^ ]*(?= \(0x)/g) ?? []);
  // Which package a library belongs to.
  const lists = ["status", "info/format", "info/*.list"].map((path) => `/var/lib/dpkg/${path}`);
  const packages = ["/etc/os-release", ...globSync(lists)];
  const files = [...programs, ...new Set(libraries), ...packages];
  await execute("cp", ["--dereference", "--parents", `--target-directory=${base}`, ...files]);

  await cp(process.execPath, within("usr/local/bin/node"));
  // bin/npm-cli.js
  const npm = dirname(dirname(await realpath((await output("which", "npm")).trim())));
  await cp(npm, within("usr/local/lib/node_modules/npm"), { recursive: true, verbatimSymlinks: true });
  for (const program of ["npm", "npx"])
    await symlink(`../lib/node_modules/npm/bin/${program}-cli.js`, within(`usr/local/bin/${program}`));
  const certificates = process.env["NODE_EXTRA_CA_CERTS"];
  if (certificates !== undefined) await cp(certificates, within("etc/ssl/ca.pem"));

  const container = await engine.run("buildah", "from", "scratch");
  await engine.run("buildah", "copy", "--quiet", container, base, "/");
  const variables = ["PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"];
  if (certificates !== undefined) variables.push("NODE_EXTRA_CA_CERTS=/etc/ssl/ca.pem");
  await engine.run("buildah", "config", ...variables.map((variable) => `--env=${variable}`), container);
  await engine.run("buildah", "commit", "--quiet", "--rm", container, name);
}
