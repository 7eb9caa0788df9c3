// A plugin of buf. Generates an encoder and a decoder, in plain TypeScript, for each message that the services of the
// contract use. A message with a field that is not supported here (see `isSupported`) gets none: protobuf-es handles it.
import { readFileSync } from "node:fs";
import { basename, dirname, relative } from "node:path/posix";
import {
  create,
  createFileRegistry,
  type DescEnum,
  type DescField,
  type DescFile,
  type DescMessage,
  fromBinary,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import {
  CodeGeneratorRequestSchema,
  CodeGeneratorResponseSchema,
  CodeGeneratorResponse_Feature as Feature,
  FeatureSet_FieldPresence,
  FileDescriptorSetSchema,
  isWrapperDesc,
} from "@bufbuild/protobuf/wkt";

const varint = 0;
const lengthDelimited = 2;

/** The scalar types that the reader and the writer in src/wire/protobuf support, each with its method there. */
const scalars: Partial<Record<ScalarType, { method: string; wireType: number }>> = {
  [ScalarType.STRING]: { method: "string", wireType: lengthDelimited },
  [ScalarType.BYTES]: { method: "bytes", wireType: lengthDelimited },
  [ScalarType.BOOL]: { method: "bool", wireType: varint },
  [ScalarType.INT32]: { method: "int32", wireType: varint },
  [ScalarType.UINT32]: { method: "uint32", wireType: varint },
  [ScalarType.INT64]: { method: "int64", wireType: varint },
  [ScalarType.UINT64]: { method: "uint64", wireType: varint },
};

/** The fields whose content the service has as bytes in memory, if they are set. They must have presence. */
const spans: ReadonlySet<string> = new Set(["duetkv.v1.Entry.value", "duetkv.v1.Entry.bytes_value"]);

/** The default of a scalar field without presence, where it is not 0. */
const defaults: Partial<Record<ScalarType, string>> = {
  [ScalarType.STRING]: '""',
  [ScalarType.BYTES]: "noBytes",
  [ScalarType.BOOL]: "false",
  [ScalarType.INT64]: "0n",
  [ScalarType.UINT64]: "0n",
};

const request = fromBinary(CodeGeneratorRequestSchema, readFileSync(0));
const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: request.protoFile }));
const generated = new Set(request.fileToGenerate);
const supported = supportedMessages([...registry.files].filter(({ proto }) => generated.has(proto.name)));
const files = new Set([...supported].map(({ file }) => file));
process.stdout.write(
  toBinary(
    CodeGeneratorResponseSchema,
    create(CodeGeneratorResponseSchema, {
      file: [...files].map((file) => ({ name: `${file.name}_codec.ts`, content: renderFile(file) })),
      supportedFeatures: BigInt(Feature.PROTO3_OPTIONAL),
    }),
  ),
);

/** Every message that the services use and whose fields are all supported, those of nested messages included. */
function supportedMessages(fileList: readonly DescFile[]): ReadonlySet<DescMessage> {
  const messages = new Set<DescMessage>();
  for (const { methods } of fileList.flatMap(({ services }) => services)) {
    for (const { input, output } of methods) messages.add(input).add(output);
  }
  // The iteration also visits the messages that are added during it.
  for (const { fields } of messages) {
    for (const { message } of fields) if (message !== undefined) messages.add(message);
  }
  return new Set([...messages].filter((message) => isSupported(message, [])));
}

/** Only proto3. Recursive messages are not supported: protobuf-es bounds their depth. */
function isSupported(message: DescMessage, containers: readonly DescMessage[]): boolean {
  if (message.file.proto.syntax !== "proto3" || containers.includes(message)) return false;
  return message.fields.every((field) => isSupportedField(field, [...containers, message]));
}

/** Not maps, lists of numbers, floating-point and fixed-size numbers, nor fields that have another type in protobuf-es. */
function isSupportedField(field: DescField, containers: readonly DescMessage[]): boolean {
  if (field.fieldKind === "map" || ("longAsString" in field && field.longAsString)) return false;
  if (field.message !== undefined) {
    const isUnwrapped = isWrapperDesc(field.message) || field.message.typeName === "google.protobuf.Struct";
    return !isUnwrapped && isSupported(field.message, containers);
  }
  const isList = field.fieldKind === "list";
  if (field.enum !== undefined) return !isList;
  return (
    scalars[field.scalar] !== undefined && (!isList || scalars[field.scalar]?.wireType === lengthDelimited)
  );
}

function renderFile(file: DescFile): string {
  const messages = [...supported].filter((message) => message.file === file);
  const codecs = messages.map(
    (message) =>
      `  ["${message.typeName}", { read: read${nameOf(message)}, write: write${nameOf(message)} }],`,
  );
  const hasBytes = messages.some(({ members }) => members.some((member) => defaultOf(member) === "noBytes"));
  return [
    `// @generated from file ${file.proto.name} (package ${file.proto.package}), do not edit`,
    "",
    'import type { MessageInitShape } from "@bufbuild/protobuf";',
    ...renderImports(file, messages),
    // An array for each message would be a good part of the cost to decode one.
    ...(hasBytes ? ["", "const noBytes = new Uint8Array();"] : []),
    ...messages.flatMap((message) => [
      "",
      renderWrite(message),
      "",
      renderRead(message),
      "",
      renderNew(message),
    ]),
    "",
    "/** By the full name of the message. */",
    "export const codecs: readonly (readonly [string, GeneratedCodec])[] = [",
    ...codecs,
    "];",
    "",
  ].join("\n");
}

function renderImports(file: DescFile, messages: readonly DescMessage[]): string[] {
  const runtime = relative(dirname(file.name), "../src/wire/protobuf");
  const fields = messages.flatMap((message) => message.fields);
  const enums = new Set(fields.flatMap((field) => field.enum ?? []));
  const types = [
    ...messages.flatMap((message) => [nameOf(message), `${nameOf(message)}Schema`]),
    ...[...enums].map(nameOf),
  ];
  const foreign = new Set(
    fields.flatMap(({ message }) => (message === undefined || message.file === file ? [] : message)),
  );
  const typesOf = file.name.startsWith("google/protobuf/")
    ? "@bufbuild/protobuf/wkt"
    : `./${basename(file.name)}_pb.ts`;
  return [
    `import type { GeneratedCodec } from "${runtime}/generated-codec.ts";`,
    `import type { Reader } from "${runtime}/reader.ts";`,
    ...(fields.some(mayBeSpan) ? [`import type { Spans } from "${runtime}/spans.ts";`] : []),
    `import type { Writer } from "${runtime}/writer.ts";`,
    ...[...foreign].map((message) => {
      const path = relative(dirname(file.name), message.file.name);
      const from = path.startsWith(".") ? path : `./${path}`;
      return `import { read${nameOf(message)}, write${nameOf(message)} } from "${from}_codec.ts";`;
    }),
    "import type {",
    ...types.toSorted().map((type) => `  ${type},`),
    `} from "${typesOf}";`,
  ];
}

function renderWrite(message: DescMessage): string {
  const name = nameOf(message);
  return [
    `/** Writes a ${message.typeName}. */`,
    `export function write${name}(to: Writer, message: ${writtenType(message)}): void {`,
    ...message.fields.toSorted((a, b) => a.number - b.number).flatMap(renderWriteField),
    '  if ("$unknown" in message) to.unknownFields(message.$unknown);',
    "}",
  ].join("\n");
}

/** What an encoder takes: see `Spans` in src/wire/protobuf/spans.ts. */
function writtenType(message: DescMessage): string {
  const init = `MessageInitShape<typeof ${nameOf(message)}Schema>`;
  const names = message.fields.filter(mayBeSpan).map(({ localName }) => `"${localName}"`);
  return names.length === 0 ? init : `${init} & Spans<${names.join(" | ")}>`;
}

function mayBeSpan(field: DescField): boolean {
  return spans.has(`${field.parent.typeName}.${field.name}`);
}

function renderWriteField(field: DescField): string[] {
  const { localName: name, oneof } = field;
  if (field.fieldKind === "list") {
    return renderBlock(`for (const each of message.${name} ?? [])`, renderWriteValue(field, "each"));
  }
  if (oneof !== undefined) {
    const group = `message.${oneof.localName}`;
    return renderBlock(`if (${group}?.case === "${name}")`, renderWriteValue(field, `${group}.value`));
  }
  const value = `message.${name}`;
  const isSet =
    field.presence === FeatureSet_FieldPresence.IMPLICIT
      ? setCondition(field, value)
      : `${value} !== undefined`;
  const block = renderBlock(`if (${isSet})`, renderWriteValue(field, value));
  if (!mayBeSpan(field)) return block;
  const span = `message.$${name}`;
  return [
    `  if (${span} !== undefined) to.span(${field.number}, ${span});`,
    `  else ${block.join("").trim()}`,
  ];
}

function renderBlock(head: string, statements: readonly string[]): string[] {
  if (statements.length === 1) return [`  ${head} ${statements[0]}`];
  return [`  ${head} {`, ...statements.map((statement) => `    ${statement}`), "  }"];
}

/** A field without presence is written when it does not have the default. */
function setCondition(field: DescField, value: string): string {
  return field.scalar === ScalarType.BYTES ? `${value}?.length` : value;
}

function renderWriteValue(field: DescField, value: string): string[] {
  const { number, message } = field;
  if (message === undefined) return [`to.${methodOf(field)}(${number}, ${value});`];
  return [
    `const start = to.beginNested(${number});`,
    `write${nameOf(message)}(to, ${value});`,
    `to.endNested(${number}, start);`,
  ];
}

function renderRead(message: DescMessage): string {
  const name = nameOf(message);
  return [
    `/** Reads a ${message.typeName} that ends at \`end\`, and merges it into \`message\`. */`,
    `export function read${name}(from: Reader, end: number, message: ${name} = new${name}()): ${name} {`,
    "  while (from.position < end) {",
    "    const tag = from.tag(end);",
    "    switch (tag) {",
    ...message.fields.flatMap(renderReadField),
    "      default:",
    "        from.skip(tag, end);",
    "    }",
    "  }",
    "  return message;",
    "}",
  ].join("\n");
}

function renderReadField(field: DescField): string[] {
  const { localName: name, oneof, number } = field;
  const tag = `0x${(number * 8 + wireTypeOf(field)).toString(16).padStart(2, "0")}`;
  return [
    `      case ${tag}: // ${field.name} = ${number}`,
    ...renderAssignment().map((line) => `        ${line}`),
    "        break;",
  ];

  function renderAssignment(): string[] {
    if (field.fieldKind === "list")
      return ["from.element();", `message.${name}.push(${renderReadValue(field)});`];
    if (oneof === undefined) return [`message.${name} = ${renderReadValue(field, `message.${name}`)};`];
    const group = `message.${oneof.localName}`;
    const existing = `${group}.case === "${name}" ? ${group}.value : undefined`;
    return [`${group} = { case: "${name}", value: ${renderReadValue(field, existing)} };`];
  }
}

function renderReadValue(field: DescField, existing?: string): string {
  if (field.message !== undefined) {
    const merged = existing === undefined ? "" : `, ${existing}`;
    return `read${nameOf(field.message)}(from, from.nested(end)${merged})`;
  }
  const value = `from.${methodOf(field)}(end)`;
  return field.enum === undefined ? value : `${value} as ${nameOf(field.enum)}`;
}

/** All fields are there from the start: V8 then needs one hidden class for all messages of the type. */
function renderNew(message: DescMessage): string {
  const name = nameOf(message);
  return [
    `function new${name}(): ${name} {`,
    "  return {",
    `    $typeName: "${message.typeName}",`,
    ...message.members.map((member) => `    ${member.localName}: ${defaultOf(member)},`),
    "  };",
    "}",
  ].join("\n");
}

function defaultOf(member: DescMessage["members"][number]): string {
  if (member.kind === "oneof") return "{ case: undefined }";
  if (member.fieldKind === "list") return "[]";
  if (member.message !== undefined || member.presence !== FeatureSet_FieldPresence.IMPLICIT)
    return "undefined";
  return (member.scalar !== undefined && defaults[member.scalar]) || "0";
}

function methodOf(field: DescField): string {
  return field.enum === undefined ? (scalars[field.scalar as ScalarType]?.method as string) : "int32";
}

function wireTypeOf(field: DescField): number {
  if (field.message !== undefined) return lengthDelimited;
  return field.enum === undefined ? (scalars[field.scalar as ScalarType]?.wireType as number) : varint;
}

/** The name of the type in what protoc-gen-es generates. */
function nameOf({ typeName, file }: DescMessage | DescEnum): string {
  return typeName.slice(file.proto.package.length + 1).replaceAll(".", "_");
}
