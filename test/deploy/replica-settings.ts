import { type Configuration, createConfiguration } from "../../src/config/configuration.ts";
import type { KubernetesObject } from "./kubernetes.ts";

interface Deployment {
  readonly kind: string;
  readonly spec: { readonly template: { readonly spec: { readonly containers: readonly [Container] } } };
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly mountPath: string }[];
}

/** The settings of a pod of the Deployment among the objects when it has that IP, and where volumes are mounted. */
export function replicaSettings(
  objects: readonly KubernetesObject[],
  podIp: string,
): { readonly settings: Configuration; readonly mountPaths: readonly string[] } {
  const deployment = objects.find(({ kind }) => kind === "Deployment") as unknown as Deployment;
  const [{ env, volumeMounts }] = deployment.spec.template.spec.containers;
  const variables: Record<string, string> = {};
  let isKnown = false;
  for (const { name, value } of env) {
    // The kubelet replaces only variables that come first.
    if (name === "POD_IP") isKnown = true;
    else if (value !== undefined) variables[name] = isKnown ? value.replace("$(POD_IP)", podIp) : value;
  }
  return { settings: createConfiguration({}, variables), mountPaths: volumeMounts.map((at) => at.mountPath) };
}
