import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A kind of object as the discovery of Kubernetes describes it. */
function resource(kind: string): object {
  const singularName = kind.toLowerCase();
  return { name: `${singularName}s`, singularName, kind, namespaced: true, verbs: ["get"] };
}

const discovery: Readonly<Record<string, object>> = {
  "/version": { major: "1", minor: "34", gitVersion: "v1.34.0" },
  "/api": { kind: "APIVersions", versions: ["v1"] },
  "/apis": {
    kind: "APIGroupList",
    groups: [{ name: "apps", versions: [{ groupVersion: "apps/v1", version: "v1" }] }],
  },
  "/api/v1": {
    kind: "APIResourceList",
    groupVersion: "v1",
    resources: [resource("Secret"), resource("Service")],
  },
  "/apis/apps/v1": {
    kind: "APIResourceList",
    groupVersion: "apps/v1",
    resources: [resource("Deployment")],
  },
};

/**
 * Serves as much of the API of Kubernetes as Helm needs to look objects up, until the test is over. `secrets` are those of the
 * namespace "default": their data by name. Resolves with the URL.
 */
export async function serveCluster(
  secrets: Readonly<Record<string, Readonly<Record<string, string>>>>,
): Promise<string> {
  const objects = Object.entries(secrets).map(([name, data]) => [
    `/api/v1/namespaces/default/secrets/${name}`,
    { apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "default" }, data },
  ]);
  const responses: Readonly<Record<string, object>> = { ...discovery, ...Object.fromEntries(objects) };
  const missing = { apiVersion: "v1", kind: "Status", status: "Failure", reason: "NotFound", code: 404 };
  const server = createServer(({ url = "" }, response) => {
    const found = responses[new URL(url, "http://localhost").pathname];
    response.writeHead(found === undefined ? 404 : 200, { "content-type": "application/json" });
    response.end(JSON.stringify(found ?? missing));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}
