import { isFieldError } from "@bufbuild/protobuf/reflect";

/** What is wrong with JSON, without the values that protobuf and V8 quote in their messages. */
export function describeJsonFault(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  if (isFieldError(cause)) return `${cause.field().name} is not valid`;
  if (cause instanceof SyntaxError) return "it is not valid JSON";
  const unknown = /: key "(.{1,64})" is unknown$/s.exec(error instanceof Error ? error.message : "");
  return unknown === null
    ? "it does not have the expected shape"
    : `there is no field ${JSON.stringify(unknown[1])}`;
}
