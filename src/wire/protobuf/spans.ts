import type { ByteSpan } from "../../byte-span.ts";

/**
 * The content of fields as it lies in memory: `$name` has the bytes of field `name`, UTF-8 if it is a text. An encoder takes them
 * where it finds them, and does not ask for `name`. So a text that is bytes already need not become a string.
 */
export type Spans<Name extends string> = { readonly [Field in Name as `$${Field}`]?: ByteSpan | undefined };
