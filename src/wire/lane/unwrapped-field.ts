import type { DescField } from "@bufbuild/protobuf";
import { isWrapperDesc, StructSchema } from "@bufbuild/protobuf/wkt";

/** Whether the field of a message in protobuf-es has no message, but what that one holds: a StringValue's string. */
export function isUnwrapped({ message }: DescField): boolean {
  return message !== undefined && (isWrapperDesc(message) || message.typeName === StructSchema.typeName);
}
