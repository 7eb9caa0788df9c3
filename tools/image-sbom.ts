// Adds Node and the libraries of Debian that an image has to the SBOM of the bundle: node tools/image-sbom.ts IMAGE, in the
// build of the Dockerfile. IMAGE is the directory with the files of the image; the SBOM becomes IMAGE/app/sbom.cdx.json.
import { execFileSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import type { Component, Sbom } from "./sbom.ts";

const [image] = process.argv.slice(2);
if (image === undefined) throw new Error("usage: node tools/image-sbom.ts IMAGE");

const run = (program: string, ...args: string[]) => execFileSync(program, args, { encoding: "utf8" });
const sbom: Sbom = JSON.parse(readFileSync("dist/sbom.cdx.json", "utf8"));
const [nodeProgram, debian] = [node(join(image, "app/node")), debianPackages(image)];
const [product, ...packages] = sbom.dependencies;
const refs = debian.map(({ "bom-ref": ref }) => ref);
const imageSbom: Sbom = {
  ...sbom,
  components: [...sbom.components, nodeProgram, ...debian],
  dependencies: [
    { ...product, dependsOn: [...product.dependsOn, nodeProgram["bom-ref"]] },
    ...packages,
    { ref: nodeProgram["bom-ref"], dependsOn: refs },
    ...refs.map((ref) => ({ ref, dependsOn: [] })),
  ],
};
writeFileSync(join(image, "app/sbom.cdx.json"), JSON.stringify(imageSbom));

function node(program: string): Component {
  const version = run(program, "--version").trim().slice(1);
  const purl = `pkg:generic/node@${version}`;
  const cpe = `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`;
  return { type: "application", "bom-ref": purl, name: "node", version, purl, cpe };
}

/** The packages of Debian that own the shared libraries of the image. */
function debianPackages(directory: string): Component[] {
  const libraries = globSync("lib*/**/*.so*", { cwd: directory });
  // The package may name its file below /lib or /usr/lib, which are one.
  const patterns = libraries.map((path) => `*/*-linux-gnu/${basename(path)}`);
  const owners = run("dpkg-query", "--search", ...patterns).matchAll(/^([^\s:]+)/gm);
  const names = new Set(Array.from(owners, ([, name]) => name as string));
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the format of dpkg-query
  const format = "${Package} ${Version} ${Architecture}\n";
  const distribution = /^VERSION_ID="?(\d+)/m.exec(readFileSync("/etc/os-release", "utf8"))?.[1];
  return run("dpkg-query", "--show", `--showformat=${format}`, ...names)
    .trim()
    .split("\n")
    .map((line) => {
      const [name, version, arch] = line.split(" ") as [string, string, string];
      const purl = `pkg:deb/debian/${name}@${encodeURIComponent(version)}?arch=${arch}&distro=debian-${distribution}`;
      return { type: "library", "bom-ref": purl, name, version, purl };
    });
}
