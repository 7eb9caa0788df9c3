/**
 * Codecs for `scope`: what a program uses, and text or bytes as they are stored.
 *
 * @module
 */
import type { Codec } from "./kv.ts";

/** What a schema of Zod, Valibot, ArkType and others has: https://standardschema.dev. */
export interface StandardSchemaV1<T> {
  /** The interface that such libraries share. */
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<T> | Promise<SchemaResult<T>>;
  };
}

/** A valid value, or what is wrong with it. */
export type SchemaResult<T> =
  | { readonly value: T; readonly issues?: undefined }
  | { readonly issues: readonly { readonly message: string }[] };

/** Text; bytes are read as UTF-8, and refused if they are not. */
export const text: Codec<string> = {
  encode: (value) => value,
  decode: (stored) =>
    typeof stored === "string" ? stored : new TextDecoder("utf-8", { fatal: true }).decode(stored),
};

/** Bytes; text is read as its UTF-8. */
export const bytes: Codec<Uint8Array> = {
  encode: (value) => value,
  decode: (stored) => (typeof stored === "string" ? new TextEncoder().encode(stored) : stored),
};

/** Finite numbers, stored in decimal. */
export const number: Codec<number> = {
  encode: (value) => {
    if (!Number.isFinite(value)) throw new TypeError(`${value} is not a finite number`);
    return String(value);
  },
  decode: (stored) => {
    const value = text.decode(stored).trim();
    const result = Number(value);
    // Number reads 0x10 and the empty text, too.
    if (!/^[-+.\de]+$/i.test(value) || !Number.isFinite(result)) throw new TypeError("not a number");
    return result;
  },
};

/**
 * Returns a codec of values as JSON. With a schema, values are validated when they are read and when they are written. Validation
 * must be synchronous, and must accept what it returns: what a schema changes, such as defaults, is changed each time.
 *
 * @example
 * const ports = client.scope("ports/", json(v.object({ port: v.number() })));
 */
export function json<T = unknown>(schema?: StandardSchemaV1<T>): Codec<T> {
  return {
    encode: (value) => {
      const result: string | undefined = JSON.stringify(validate(schema, value));
      if (result === undefined) throw new TypeError("JSON has no such value");
      return result;
    },
    decode: (stored) => validate(schema, JSON.parse(text.decode(stored))),
  };
}

function validate<T>(schema: StandardSchemaV1<T> | undefined, value: unknown): T {
  if (schema === undefined) return value as T;
  const result = schema["~standard"].validate(value);
  if (result instanceof Promise) throw new TypeError("the validation of the schema is asynchronous");
  if (result.issues !== undefined)
    throw new TypeError(result.issues.map(({ message }) => message).join("; "));
  return result.value;
}
