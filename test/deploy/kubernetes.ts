import { parseAllDocuments } from "yaml";
import { type Typed, typeErrors } from "./type-check.ts";

/** One object of a manifest. */
export interface KubernetesObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  /** Of a Secret. */
  readonly stringData?: Readonly<Record<string, string>>;
  /** Of a ConfigMap, or of a Secret in base64. */
  readonly data?: Readonly<Record<string, string>>;
}

/** The objects of a manifest in YAML, as kubectl reads it. */
export function parseManifest(text: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    const [error] = [...document.errors, ...document.warnings];
    if (error !== undefined) throw error;
    const object = document.toJS();
    return object === null ? [] : [object];
  });
}

/**
 * Checks objects against the API of Kubernetes and of the Prometheus operator: types, required and unknown fields, formats.
 * Resolves with what is wrong, one line each.
 */
export async function manifestErrors(objects: readonly KubernetesObject[]): Promise<string[]> {
  const errors = await typeErrors(objects.map(typed));
  const invalid = await Promise.all(objects.map(formatError));
  return [...errors.split("\n"), ...invalid].filter((line) => line !== "");
}

function typed(value: KubernetesObject): Typed {
  return { module: module(value), type: `I${value.kind}`, value };
}

/** The models know patterns and formats, too, but take unknown fields. */
async function formatError(object: KubernetesObject): Promise<string> {
  const { [object.kind]: Model } = await import(module(object));
  try {
    new Model(object).validate();
    return "";
  } catch (error) {
    return `${object.kind} ${object.metadata.name}: ${(error as Error).message}`;
  }
}

function module({ apiVersion }: KubernetesObject): string {
  const operator = apiVersion.startsWith("monitoring.coreos.com/");
  return `${operator ? "@kubernetes-models/prometheus-operator" : "kubernetes-models"}/${apiVersion}`;
}
