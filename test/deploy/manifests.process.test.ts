import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import packageJson from "../../package.json" with { type: "json" };
import { runCli } from "../cli/run-cli.ts";
import { temporaryDirectory } from "../support/temporary-directory.ts";
import { type KubernetesObject, manifestErrors, parseManifest } from "./kubernetes.ts";
import { replicaSettings } from "./replica-settings.ts";

const manifests = ["", "-postgres", "-backup", "-restore"].map((name) => `kubernetes${name}.yaml`);
const read = (name: string) => readFile(new URL(`../../deploy/${name}`, import.meta.url), "utf8");

test("the manifests are valid Kubernetes objects", async () => {
  const objects = (await Promise.all(manifests.map(read))).flatMap(parseManifest);
  expect(objects.map(({ kind }) => kind)).toEqual(
    expect.arrayContaining(["StatefulSet", "Deployment", "CronJob", "Job"]),
  );
  expect(await manifestErrors(objects)).toEqual([]);
});

test("the check of manifests finds a misspelt field, a wrong type and a wrong format", async () => {
  const text = await read("kubernetes.yaml");
  const wrong = (from: string, to: string): KubernetesObject[] => {
    expect(text).toContain(from);
    return parseManifest(text.replace(from, to));
  };
  const errors = async (from: string, to: string) => (await manifestErrors(wrong(from, to))).join("\n");
  expect(await errors("readinessProbe:", "readynessProbe:")).toContain("readynessProbe");
  expect(await errors("containerPort: 8080", 'containerPort: "8080"')).toContain("containerPort");
  expect(await errors("periodSeconds: 10", "periodSeconds: 99999999999")).toContain("periodSeconds");
});

test("the policies of the manifests and of the chart are in order", async () => {
  const objects = (await Promise.all(manifests.map(read))).flatMap(parseManifest);
  const texts = objects.flatMap(({ stringData }) => stringData?.["policy.json"] ?? []);
  const { policy } = parse(await read("helm/values.yaml"));
  texts.push(JSON.stringify(policy.content));
  expect(texts).toHaveLength(3);
  for (const text of texts) {
    const path = join(await temporaryDirectory(), "policy.json");
    await writeFile(path, text);
    // The operator makes the tokens.
    const stderr = expect.stringMatching(/^duetkv: warning: there is no token.*\n$/);
    expect(await runCli(["policy", "check", path])).toMatchObject({ code: 0, stderr });
  }
});

test("a restore reads the volume of the backup and fills that of the service", async () => {
  const [service, backup, restore] = (
    await Promise.all(["", "-backup", "-restore"].map((name) => read(`kubernetes${name}.yaml`)))
  ).map(parseManifest) as [KubernetesObject[], KubernetesObject[], KubernetesObject[]];
  const claims = (objects: KubernetesObject[]) =>
    [...JSON.stringify(objects).matchAll(/"claimName":"([^"]+)"/g)].map(([, name]) => name);
  expect(claims(restore)).toEqual([...claims(backup), "data-duetkv-0"]);
  const set = service.find(({ kind }) => kind === "StatefulSet");
  expect(set).toMatchObject({
    metadata: { name: "duetkv" },
    spec: { volumeClaimTemplates: [{ metadata: { name: "data" } }] },
  });
});

test.each(["10.1.2.3", "fd00::3"])("replicas of the manifest reach each other at %s", async (host) => {
  const { settings, mountPaths } = replicaSettings(
    parseManifest(await read("kubernetes-postgres.yaml")),
    host,
  );
  expect(settings).toMatchObject({
    advertise: { host, port: 8080 },
    peerSecretFile: "/etc/duetkv/peers/secret",
    policy: "/etc/duetkv/policy/policy.json",
  });
  expect(mountPaths).toEqual(["/etc/duetkv/policy", "/etc/duetkv/log", "/etc/duetkv/peers"]);
});

test("replicas of the compose file have names and one secret", async () => {
  const { services, secrets } = parse(await read("compose-nats.yaml"), { merge: true });
  for (const hostname of ["duetkv1", "duetkv2"]) {
    expect(services[hostname]).toMatchObject({
      hostname,
      secrets: ["peers"],
      environment: { DUETKV_PEER_SECRET_FILE: "/run/secrets/peers" },
    });
  }
  expect(await read("compose-nats.yaml")).toContain(`> deploy/${secrets.peers.file} `);
});

test("manifests, chart and documents name the image of this version", async () => {
  const chart = parse(await read("helm/Chart.yaml"));
  expect([chart.version, chart.appVersion]).toEqual([packageJson.version, packageJson.version]);
  for (const path of [...manifests, "compose.yaml", "../README.md", "../docs/operations.md"]) {
    const tags = [...(await read(path)).matchAll(/\bduetkv:(\d+\.[\w.-]*)/g)].map(([, tag]) => tag);
    expect(tags).not.toEqual([]);
    expect(new Set(tags)).toEqual(new Set([packageJson.version]));
  }
});
