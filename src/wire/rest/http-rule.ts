import type { DescField, DescMessage, DescService } from "@bufbuild/protobuf";
import { getOption, hasOption } from "@bufbuild/protobuf";
import { http } from "../../../gen/google/api/annotations_pb.ts";
import type { HttpRule } from "../../../gen/google/api/http_pb.ts";
import type { MethodEntry } from "../method-table.ts";
import type { RestConvention, RestConventions } from "./convention.ts";
import { type FieldPath, findFieldPath } from "./field-path.ts";
import { type PathTemplate, parsePathTemplate } from "./path-template.ts";
import { RouteTree } from "./route-tree.ts";

/** A variable of the path, and the field that it sets. */
interface BoundVariable {
  readonly path: FieldPath;
  readonly from: number;
  readonly to: number;
}

/** One HTTP rule of one method, with every name looked up. */
export interface BoundRule {
  readonly entry: MethodEntry;
  readonly variables: readonly BoundVariable[];
  readonly variablePaths: readonly FieldPath[];
  /** How many characters at the end of a path are its verb, with the colon. */
  readonly verbLength: number;
  /** Which part of the request the body is: all that the path leaves, one field, or none. */
  readonly body: "all" | DescField | undefined;
  /** The field that is the whole response body; undefined: the message. */
  readonly responseBody: DescField | undefined;
  /** What a raw body sets. */
  readonly rawBodyPaths: readonly FieldPath[];
  readonly convention: RestConvention;
}

/**
 * Reads the google.api.http rules of all methods and their additional bindings. Methods without one, and those where the
 * client streams, have no route. Throws when a rule names what is not there, and when two rules want the same place.
 */
export function bindHttpRules(
  methods: Iterable<MethodEntry>,
  conventions: RestConventions,
): RouteTree<BoundRule> {
  const tree = new RouteTree<BoundRule>();
  for (const entry of methods) {
    const { spec, service } = entry;
    if (spec.kind === "client_streaming" || spec.kind === "bidi_streaming") continue;
    if (!hasOption(spec.method, http)) continue;
    const rule = getOption(spec.method, http);
    const convention = conventions.get(`${service.typeName}.${spec.method.name}`) ?? {};
    for (const binding of [rule, ...rule.additionalBindings]) {
      const { method, path } = methodAndPath(binding, service, spec.method.name);
      const template = parsePathTemplate(path);
      tree.add(method, template, bindRoute(entry, binding, template, convention));
    }
  }
  return tree;
}

function methodAndPath(rule: HttpRule, service: DescService, name: string): { method: string; path: string } {
  const { pattern } = rule;
  if (pattern.case === undefined) throw new Error(`the HTTP rule of ${service.typeName}.${name} has no path`);
  if (pattern.case === "custom") return { method: pattern.value.kind, path: pattern.value.path };
  return { method: pattern.case.toUpperCase(), path: pattern.value };
}

function bindRoute(
  entry: MethodEntry,
  rule: HttpRule,
  template: PathTemplate,
  convention: RestConvention,
): BoundRule {
  const { input, output } = entry.spec.method;
  const variables = template.variables.map(({ fieldPath, from, to }) => {
    const path = findFieldPath(input, fieldPath);
    if (path === undefined || path.at(-1)?.fieldKind === "list") {
      throw new Error(`${input.typeName} has no field ${fieldPath} that a path can set`);
    }
    return { path, from, to };
  });
  return {
    entry,
    variables,
    variablePaths: variables.map((variable) => variable.path),
    verbLength: template.verb === "" ? 0 : template.verb.length + 1,
    body: rule.body === "*" ? "all" : findField(input, rule.body),
    responseBody: findField(output, rule.responseBody),
    rawBodyPaths: (convention.rawBodyFields ?? []).map((name) => [findField(input, name) as DescField]),
    convention,
  };
}

function findField(message: DescMessage, name: string): DescField | undefined {
  if (name === "") return undefined;
  const field = message.fields.find((f) => f.name === name);
  if (field === undefined) throw new Error(`${message.typeName} has no field ${name}`);
  return field;
}
