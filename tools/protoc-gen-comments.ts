// A plugin of buf. Generated descriptors have no comments; this writes those of every file that has a service into a
// module of their own, by the full name of what they stand above, for the descriptions of the OpenAPI document.
import { readFileSync } from "node:fs";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  CodeGeneratorResponse_Feature as Feature,
  type FileDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** The named parts of each kind of descriptor, by field number. */
const childLists: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  "google.protobuf.FileDescriptorProto": { 4: "messageType", 5: "enumType", 6: "service" },
  "google.protobuf.DescriptorProto": { 2: "field", 3: "nestedType", 4: "enumType" },
  "google.protobuf.EnumDescriptorProto": { 2: "value" },
  "google.protobuf.ServiceDescriptorProto": { 2: "method" },
};

const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(0));
const file = request.protoFile
  .filter(({ name, service }) => request.fileToGenerate.includes(name) && service.length > 0)
  .map((proto) => ({ name: proto.name.replace(/\.proto$/, "_comments.ts"), content: render(proto) }));
const supportedFeatures = BigInt(Feature.PROTO3_OPTIONAL);
process.stdout.write(
  toBinary(CodeGeneratorResponseSchema, create(CodeGeneratorResponseSchema, { file, supportedFeatures })),
);

function render(proto: FileDescriptorProto): string {
  const lines = (proto.sourceCodeInfo?.location ?? []).flatMap(({ path, leadingComments }) => {
    const name = fullName(proto, path);
    const text = leadingComments.trim().replace(/\s*\n\s*/g, " ");
    return text === "" || name === undefined ? [] : [`  [${JSON.stringify(name)}, ${JSON.stringify(text)}],`];
  });
  return [
    `// @generated from file ${proto.name} (package ${proto.package}), do not edit`,
    "",
    "/** What the contract says of its services, methods, messages, fields and enums, by full name. */",
    "export const comments: ReadonlyMap<string, string> = new Map([",
    ...lines,
    "]);",
    "",
  ].join("\n");
}

interface Node {
  readonly name: string;
}

/** Follows a path of field numbers and indices; undefined when it does not end at something with a name. */
function fullName(proto: FileDescriptorProto, path: readonly number[]): string | undefined {
  if (path.length === 0 || path.length % 2 !== 0) return undefined;
  const names = [proto.package];
  let node: unknown = proto;
  for (let at = 0; at < path.length; at += 2) {
    const [fieldNumber = 0, index = 0] = path.slice(at);
    node = childList(node as { $typeName: string }, fieldNumber)?.[index];
    if (node === undefined) return undefined;
    names.push((node as Node).name);
  }
  return names.join(".");
}

function childList(node: { $typeName: string }, fieldNumber: number): readonly Node[] | undefined {
  const name = childLists[node.$typeName]?.[fieldNumber];
  return name === undefined
    ? undefined
    : (node as unknown as Record<string, readonly Node[] | undefined>)[name];
}
