import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { goTool } from "../support/go-tool.ts";
import { hasPrograms } from "../support/programs.ts";
import { type KubernetesObject, manifestErrors, parseManifest } from "./kubernetes.ts";
import { replicaSettings } from "./replica-settings.ts";
import { serveCluster } from "./serve-cluster.ts";

const root = join(import.meta.dirname, "../..");
const chart = join(root, "deploy/helm");
let helm: string;

async function runHelm(...args: string[]): Promise<string> {
  return (await promisify(execFile)(helm, args)).stdout;
}

async function render(...values: string[]): Promise<KubernetesObject[]> {
  return parseManifest(
    await runHelm("template", "duetkv", chart, ...values.flatMap((value) => ["--set", value])),
  );
}

const kinds = (objects: readonly KubernetesObject[]) => objects.map(({ kind }) => kind).toSorted();
const always = ["NetworkPolicy", "Service", "Service"];
const monitoring = ["serviceMonitor.enabled=true", "rules.enabled=true", "dashboards.enabled=true"];
const tls = ["tls.existingSecret=certificate", "tls.clientAuth=optional"];

describe.skipIf(!hasPrograms("go"))("the Helm chart", () => {
  beforeAll(async () => {
    helm = await goTool("helm.sh/helm/v4/cmd/helm", "v4.3.1");
  }, 1_200_000);

  test("passes helm lint", async () => {
    expect(await runHelm("lint", "--strict", chart)).toContain("0 chart(s) failed");
  });

  test.each([
    { values: [], expected: ["Secret", "StatefulSet"] },
    { values: ["policy.existingSecret=own", "networkPolicy.clients=null"], expected: ["StatefulSet"] },
    {
      values: ["log.type=postgres", "log.postgres.existingSecret=db", ...tls, "probes.grpc=true"],
      expected: ["Deployment", "PodDisruptionBudget", "Secret", "Secret"],
    },
    {
      values: [
        "log.type=nats",
        "log.nats.monitors={http://a:8222,http://b:8222}",
        "log.nats.credentialsSecret=c",
        "peers.existingSecret=own",
      ],
      expected: ["Deployment", "PodDisruptionBudget", "Secret"],
    },
    {
      values: [...monitoring, "probes.readiness=reads", "environment.DUETKV_AUDIT=writes"],
      expected: ["ConfigMap", "PrometheusRule", "Secret", "ServiceMonitor", "StatefulSet"],
    },
  ])("renders valid objects with $values", async ({ values, expected }) => {
    const objects = await render(...values);
    expect(kinds(objects)).toEqual([...always, ...expected].toSorted());
    expect(await manifestErrors(objects)).toEqual([]);
  });

  test("gives the service only variables that it has", async () => {
    const page = await readFile(join(root, "docs/configuration.md"), "utf8");
    const nats = ["log.type=nats", "log.nats.monitors={http://a:8222}", "log.nats.credentialsSecret=c"];
    const text = JSON.stringify(await render(...nats, ...tls));
    const names = [...text.matchAll(/DUETKV_(\w+)/g)].map(([, name]) =>
      name?.toLowerCase().replaceAll("_", "-"),
    );
    expect(names.length).toBeGreaterThan(6);
    for (const name of names) expect(page).toContain(`\`--${name}\``);
  });

  test.each([
    { values: [], peerTlsName: undefined },
    { values: tls, peerTlsName: "duetkv.default.svc" },
    { values: [...tls, "tls.peerName=db.example"], peerTlsName: "db.example" },
  ])("lets replicas forward to each other with $values", async ({ values, peerTlsName }) => {
    const objects = await render("log.type=postgres", "networkPolicy.clients=null", ...values);
    const { settings, mountPaths } = replicaSettings(objects, "10.1.2.3");
    const advertise = { host: "10.1.2.3", port: 8080 };
    expect(settings).toMatchObject({ advertise, peerSecretFile: "/etc/duetkv/peers/secret" });
    expect(settings.peerTlsName).toBe(peerTlsName);
    expect(mountPaths).toEqual(expect.arrayContaining(["/etc/duetkv/log", "/etc/duetkv/peers"]));
    const secret = objects.find(({ metadata }) => metadata.name === "duetkv-peers");
    expect(Buffer.from(secret?.data?.["secret"] ?? "", "base64").toString()).toMatch(/^\w{43}$/);
    const labels = { "app.kubernetes.io/name": "duetkv", "app.kubernetes.io/instance": "duetkv" };
    const from = [{ podSelector: { matchLabels: labels } }];
    const policy = objects.find(({ kind }) => kind === "NetworkPolicy");
    expect(policy).toMatchObject({ spec: { ingress: [{ from, ports: [{ port: "api" }] }, {}] } });
  });

  test("keeps the secret of the replicas on upgrades", async () => {
    const secret = Buffer.from("the secret of the running replicas").toString("base64");
    const url = await serveCluster({ "duetkv-peers": { secret } });
    const without = ["networkPolicy.enabled=false", "podDisruptionBudget.enabled=false"];
    const values = ["log.type=postgres", ...without].flatMap((value) => ["--set", value]);
    const server = [
      "--is-upgrade",
      "--dry-run=server",
      "--disable-openapi-validation",
      "--kube-apiserver",
      url,
    ];
    const upgrade = async (release: string) => {
      const objects = parseManifest(await runHelm("template", release, chart, ...values, ...server));
      return objects.find(({ metadata }) => metadata.name === `${release}-peers`)?.data?.["secret"];
    };
    expect(await upgrade("duetkv")).toBe(secret);
    expect(await upgrade("duetkv-new")).toMatch(/^[\w+/=]{60}$/);
  });

  test("has the alerts and the dashboard as they are", async () => {
    const objects: readonly unknown[] = await render(...monitoring);
    const rules = parseManifest(await readFile(join(root, "deploy/prometheus/duetkv.rules.yaml"), "utf8"));
    expect(objects).toContainEqual(expect.objectContaining({ kind: "PrometheusRule", spec: rules[0] }));
    const file = JSON.parse(await readFile(join(root, "deploy/grafana/duetkv.json"), "utf8"));
    const [map] = (await render("dashboards.enabled=true")).filter(({ kind }) => kind === "ConfigMap");
    expect(JSON.parse(map?.data?.["duetkv.json"] ?? "")).toEqual(file);
  });

  test.each(["log.type=etcd", "replicsa=3", "environment.PATH=x", "tls.clientAuth=required"])(
    "refuses %s",
    async (value) => {
      await expect(render(value)).rejects.toThrow(/values don't meet|needs tls.existingSecret/);
    },
  );
});
