import { HeaderField, isValidHeaderName, isValidHeaderValue } from "./hpack/header-field.ts";
import { encodeLiteral } from "./hpack/literals.ts";
import { findStaticEntry } from "./hpack/static-table.ts";

let fieldCount = 0;

/** A response field whose encodings are made once. Each connection adds it to its dynamic table when it first sends it. */
export class IndexedField {
  readonly id = fieldCount++;
  /** 0: not in the static table. */
  readonly staticIndex: number;
  readonly literal: Uint8Array;
  readonly incrementalLiteral: Uint8Array;
  /** Bytes in the dynamic table. */
  readonly tableBytes: number;
  /** Bytes that any representation of it takes at most. */
  readonly bytesMax: number;

  constructor(name: string, value: string) {
    this.staticIndex = findStaticEntry(name, value) ?? 0;
    this.literal = encodeLiteral(name, value, "without");
    this.incrementalLiteral = encodeLiteral(name, value, "incremental");
    this.tableBytes = new HeaderField(name, value).size;
    this.bytesMax = Math.max(this.literal.length, this.incrementalLiteral.length, 2);
  }
}

/**
 * A block of response headers or trailers that is sent often, with its encodings. Make one for each distinct block of
 * the program, not for each call: what varies from call to call is passed beside it.
 */
export class ResponseHeaders {
  readonly fields: readonly IndexedField[];
  /** Bytes that the encoded fields take at most. */
  readonly bytesMax: number;

  private constructor(fields: readonly IndexedField[]) {
    this.fields = fields;
    this.bytesMax = fields.reduce((sum, field) => sum + field.bytesMax, 0);
  }

  /** Throws RangeError for an invalid status, name or value. Names are in lower case, text is Latin-1. */
  static headers(status: number, fields: Readonly<Record<string, string>> = {}): ResponseHeaders {
    if (!Number.isInteger(status) || status < 100 || status > 999)
      throw new RangeError(`invalid status ${status}`);
    return new ResponseHeaders([new IndexedField(":status", String(status)), ...indexed(fields)]);
  }

  /** Throws RangeError for an invalid name or value. */
  static trailers(fields: Readonly<Record<string, string>>): ResponseHeaders {
    return new ResponseHeaders(indexed(fields));
  }

  /** The headers with nothing but this status; the same object for each call. */
  static status(status: number): ResponseHeaders {
    let found = statusOnly.get(status);
    if (found === undefined) {
      found = ResponseHeaders.headers(status);
      statusOnly.set(status, found);
    }
    return found;
  }
}

const statusOnly = new Map<number, ResponseHeaders>();

/** No trailers. */
export const noTrailers = ResponseHeaders.trailers({});

function indexed(fields: Readonly<Record<string, string>>): IndexedField[] {
  return Object.entries(fields).map(([name, value]) => {
    checkResponseField(name, value);
    return new IndexedField(name, value);
  });
}

/** Names, values, names, values … in lower case and Latin-1. */
export type FlatHeaders = readonly string[];

const outsideLatin1 = /[^\0-\xff]/;
const connectionSpecific = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
]);

/** RFC 9113, section 8.2. Throws RangeError for a field that must not be sent. */
export function checkResponseField(name: string, value: string): void {
  if (!isValidHeaderName(name) || connectionSpecific.has(name)) {
    throw new RangeError(`invalid response header name ${JSON.stringify(name)}`);
  }
  if (!isValidHeaderValue(value) || outsideLatin1.test(value)) {
    throw new RangeError(`invalid value of response header ${name}`);
  }
}
