/** What a field's name or value means for the rules of RFC 9113, sections 8.2 and 8.3; found out once for each literal. */
export const fieldKinds = {
  regular: 0,
  method: 1,
  scheme: 2,
  path: 3,
  authority: 4,
  host: 5,
  contentType: 6,
  contentLength: 7,
  cookie: 8,
  expect: 9,
  te: 10,
  /** A pseudo-header that no request has. */
  unknownPseudo: 11,
  /** A header of one HTTP/1.1 connection. */
  connectionSpecific: 12,
  invalidName: 13,
} as const;

const kindByName: ReadonlyMap<string, number> = new Map<string, number>([
  [":method", fieldKinds.method],
  [":scheme", fieldKinds.scheme],
  [":path", fieldKinds.path],
  [":authority", fieldKinds.authority],
  ["host", fieldKinds.host],
  ["content-type", fieldKinds.contentType],
  ["content-length", fieldKinds.contentLength],
  ["cookie", fieldKinds.cookie],
  ["expect", fieldKinds.expect],
  ["te", fieldKinds.te],
  ["connection", fieldKinds.connectionSpecific],
  ["keep-alive", fieldKinds.connectionSpecific],
  ["proxy-connection", fieldKinds.connectionSpecific],
  ["transfer-encoding", fieldKinds.connectionSpecific],
  ["upgrade", fieldKinds.connectionSpecific],
]);

/** A token of RFC 9110, section 5.6.2, in lower case. */
const validName = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** RFC 9113, section 8.2.1: no NUL, CR or LF, and no space or tab at either end. */
const invalidValue = /[\0\r\n]|^[ \t]|[ \t]$/;
/** RFC 7541, section 4.1: what an entry takes in the dynamic table beyond its name and value. */
const entryOverhead = 32;

/** One decoded header field. Name and value are Latin-1 text. Never changes, so that tables and lists share it. */
export class HeaderField {
  readonly name: string;
  readonly value: string;
  /** One of `fieldKinds`. */
  readonly kind: number;
  readonly hasValidValue: boolean;
  /** Bytes in the dynamic table and in a header list. */
  readonly size: number;

  /** `kind` is given when another field with the same name has it already. */
  constructor(name: string, value: string, kind = kindOf(name)) {
    this.name = name;
    this.value = value;
    this.kind = kind;
    this.hasValidValue = isValidHeaderValue(value);
    this.size = name.length + value.length + entryOverhead;
  }
}

export function isValidHeaderName(name: string): boolean {
  return validName.test(name);
}

export function isValidHeaderValue(value: string): boolean {
  return !invalidValue.test(value);
}

function kindOf(name: string): number {
  const known = kindByName.get(name);
  if (known !== undefined) return known;
  if (name.startsWith(":")) return fieldKinds.unknownPseudo;
  return isValidHeaderName(name) ? fieldKinds.regular : fieldKinds.invalidName;
}
