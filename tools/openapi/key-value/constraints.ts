import { KeyValueService } from "../../../gen/duetkv/v1/key_value_pb.ts";
import { defaultLimits } from "../../../src/limits.ts";
import type { Schema } from "../document.ts";
import { type Constraints, isSet, notBoth } from "../json-schema.ts";

// The checks of src/service, as far as JSON Schema can express them. A request may satisfy them and still be refused.

const { keyBytesMax, batchGetKeysMax, commitOperationsMax } = defaultLimits;

/** The limit is in bytes of UTF-8, and a character has at least one. */
const keyPart: Schema = { maxLength: keyBytesMax, pattern: "^[^\\u0000]*$" };
const key: Schema = { ...keyPart, minLength: 1 };
const revision: Schema = { minimum: 0, pattern: "^\\d{1,19}$" };
const ttl: Schema = { pattern: "^[1-9]\\d{0,10}(\\.\\d{1,9})?s$" };
/** 16 bytes in base64, the first bits of byte 6 and of byte 8 those of a UUIDv7. */
const requestId: Schema = {
  pattern: "^([\\w+/-]{8}[c-f][\\w+/-][CGKOSWaeimquy26+-][\\w+/-]{10}[AQgw](==)?)?$",
};
const oneValue: Schema = { allOf: [notBoth("value", "bytesValue")] };
const listed = { type: "string", ...key };

const requiredKey = { required: true, schema: key };

const fields: Readonly<Record<string, { readonly required?: boolean; readonly schema?: Schema }>> = {
  "PutRequest.key": requiredKey,
  "PutRequest.ttl": { schema: ttl },
  "PutRequest.request_id": { schema: requestId },
  "GetRequest.key": requiredKey,
  "GetRequest.min_revision": { schema: revision },
  "GetRequest.at_revision": { schema: revision },
  "DeleteRequest.key": requiredKey,
  "DeleteRequest.request_id": { schema: requestId },
  "TouchRequest.key": requiredKey,
  "TouchRequest.ttl": { schema: ttl },
  "TouchRequest.request_id": { schema: requestId },
  "ListRequest.prefix": { schema: keyPart },
  "ListRequest.start": { schema: keyPart },
  "ListRequest.end": { schema: keyPart },
  "ListRequest.delimiter": { schema: keyPart },
  "ListRequest.page_size": { schema: { minimum: 0 } },
  "ListRequest.min_revision": { schema: revision },
  "ListRequest.at_revision": { schema: revision },
  "HistoryRequest.key": requiredKey,
  "HistoryRequest.page_size": { schema: { minimum: 0 } },
  "BatchGetRequest.keys": {
    required: true,
    schema: { items: listed, minItems: 1, maxItems: batchGetKeysMax },
  },
  "BatchGetRequest.min_revision": { schema: revision },
  "BatchGetRequest.at_revision": { schema: revision },
  "Precondition.revision": { schema: { minimum: 1, pattern: "^[1-9]\\d{0,18}$" } },
  "Check.key": requiredKey,
  "Check.precondition": { required: true, schema: { anyOf: [isSet("revision"), isSet("exists")] } },
  "PutMutation.key": requiredKey,
  "PutMutation.ttl": { schema: ttl },
  "DeleteMutation.key": requiredKey,
  "CommitRequest.request_id": { schema: requestId },
  "CommitRequest.checks": { schema: { maxItems: commitOperationsMax } },
  "CommitRequest.mutations": { schema: { maxItems: commitOperationsMax } },
  "WatchRequest.key": { schema: key },
  "WatchRequest.prefix": { schema: keyPart },
  "WatchRequest.keys": { schema: { items: listed, maxItems: batchGetKeysMax } },
  "WatchRequest.prefixes": { schema: { items: { type: "string", ...keyPart }, maxItems: batchGetKeysMax } },
  "WatchRequest.start_revision": { schema: revision },
};

const messages: Readonly<Record<string, Schema>> = {
  PutRequest: oneValue,
  PutMutation: oneValue,
  Mutation: { minProperties: 1, maxProperties: 1 },
  CommitRequest: {
    anyOf: ["checks", "mutations"].map((name) => ({
      required: [name],
      properties: { [name]: { type: "array", minItems: 1 } },
    })),
  },
};

/** Constraints of key-value requests in addition to their types. */
export const keyValueConstraints: Constraints = {
  fields: inPackage(fields),
  messages: inPackage(messages),
};

/** Throws when the contract has no such message or field. */
function inPackage<Value>(byName: Readonly<Record<string, Value>>): ReadonlyMap<string, Value> {
  const { file } = KeyValueService;
  const names = new Set(
    file.messages.flatMap((message) => [
      message.name,
      ...message.fields.map((field) => `${message.name}.${field.name}`),
    ]),
  );
  const absent = Object.keys(byName).find((name) => !names.has(name));
  if (absent !== undefined) throw new Error(`the contract has no ${absent}`);
  return new Map(Object.entries(byName).map(([name, value]) => [`${file.proto.package}.${name}`, value]));
}
