import { create, createFileRegistry, type DescMessage } from "@bufbuild/protobuf";
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  file_google_protobuf_struct,
  file_google_protobuf_wrappers,
} from "@bufbuild/protobuf/wkt";

const field = (name: string, number: number, typeName: string) => ({
  name,
  number,
  typeName: `.google.protobuf.${typeName}`,
  type: FieldDescriptorProto_Type.MESSAGE,
  label: FieldDescriptorProto_Label.OPTIONAL,
});

/** A message whose fields are messages on the wire, and none in protobuf-es: text, struct. */
export const unwrappedMessage: DescMessage = messageOf(
  create(FileDescriptorProtoSchema, {
    name: "unwrapped.proto",
    syntax: "proto3",
    dependency: ["google/protobuf/wrappers.proto", "google/protobuf/struct.proto"],
    messageType: [
      { name: "Unwrapped", field: [field("text", 1, "StringValue"), field("struct", 2, "Struct")] },
    ],
  }),
);

function messageOf(file: ReturnType<typeof create<typeof FileDescriptorProtoSchema>>): DescMessage {
  const files = [file_google_protobuf_wrappers.proto, file_google_protobuf_struct.proto, file];
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: files }));
  return registry.getMessage("Unwrapped") as DescMessage;
}
