import { fieldKinds, type HeaderField } from "./hpack/header-field.ts";

/**
 * The decoded headers of a request, checked by RFC 9113, sections 8.2 and 8.3. Requests with equal headers share one
 * object, which must not be changed: what a server finds out about it can be remembered by it.
 */
export class HeaderList {
  method: string | undefined = undefined;
  scheme: string | undefined = undefined;
  path: string | undefined = undefined;
  /** `:authority`, or `host` without it. */
  authority: string | undefined = undefined;
  contentType: string | undefined = undefined;
  /** Of `content-length`; -1: none. */
  contentLength = -1;
  expectsContinue = false;
  /** Regular headers as they came: name, value, name, value … Cookie crumbs are joined; the varying header is left out. */
  readonly fields: string[] = [];
  /** Which rule the headers break. */
  fault: string | undefined = undefined;

  #host: string | undefined = undefined;
  #cookies: string[] | undefined = undefined;
  #hasPseudo = false;

  /** Builds the list of a complete block. */
  static of(fields: readonly HeaderField[]): HeaderList {
    const list = new HeaderList();
    for (const field of fields) list.#add(field);
    list.#finish();
    return list;
  }

  get isRequest(): boolean {
    return this.fault === undefined && this.method !== undefined;
  }

  get isTrailers(): boolean {
    return this.fault === undefined && !this.#hasPseudo;
  }

  /** The value of a regular header; values of repeated ones joined with a comma. The name in lower case. */
  get(name: string): string | undefined {
    const { fields } = this;
    let found: string | undefined;
    for (let at = 0; at < fields.length; at += 2) {
      if (fields[at] !== name) continue;
      found = found === undefined ? fields[at + 1] : `${found}, ${fields[at + 1]}`;
    }
    return found;
  }

  #add(field: HeaderField): void {
    const { name, value, kind } = field;
    if (!field.hasValidValue)
      this.#fail(`invalid value of ${kind === fieldKinds.invalidName ? "a header" : name}`);
    if (kind >= fieldKinds.method && kind <= fieldKinds.authority) {
      this.#addPseudo(kind, value);
      return;
    }
    switch (kind) {
      case fieldKinds.cookie:
        // Section 8.2.3.
        if (this.#cookies === undefined) this.fields.push(name, value);
        (this.#cookies ??= []).push(value);
        return;
      case fieldKinds.host:
        if (this.#host !== undefined && this.#host !== value) this.#fail("more than one host");
        this.#host = value;
        break;
      case fieldKinds.contentType:
        this.contentType ??= value;
        break;
      case fieldKinds.contentLength:
        this.#addContentLength(value);
        break;
      case fieldKinds.expect:
        this.expectsContinue = value.toLowerCase() === "100-continue";
        break;
      case fieldKinds.te:
        if (value.toLowerCase() !== "trailers") this.#fail("te other than trailers");
        break;
      case fieldKinds.unknownPseudo:
        this.#fail("unknown pseudo-header");
        break;
      case fieldKinds.connectionSpecific:
        this.#fail("connection-specific header");
        break;
      case fieldKinds.invalidName:
        this.#fail("invalid header name");
    }
    this.fields.push(name, value);
  }

  #addPseudo(kind: number, value: string): void {
    this.#hasPseudo = true;
    if (this.fields.length > 0) this.#fail("pseudo-header after a regular header");
    let previous: string | undefined;
    switch (kind) {
      case fieldKinds.method:
        previous = this.method;
        this.method = value;
        break;
      case fieldKinds.scheme:
        previous = this.scheme;
        this.scheme = value;
        break;
      case fieldKinds.path:
        previous = this.path;
        this.path = value;
        break;
      default:
        previous = this.authority;
        this.authority = value;
    }
    if (previous !== undefined) this.#fail("repeated pseudo-header");
  }

  #addContentLength(value: string): void {
    const length = /^\d{1,15}$/.test(value) ? Number(value) : -1;
    if (length < 0) this.#fail("invalid content-length");
    if (this.contentLength >= 0 && this.contentLength !== length) this.#fail("more than one content-length");
    this.contentLength = length;
  }

  #finish(): void {
    if (this.#cookies !== undefined && this.#cookies.length > 1) {
      this.fields[this.fields.indexOf("cookie") + 1] = this.#cookies.join("; ");
    }
    if (!this.#hasPseudo) return;
    const { method, scheme, path, authority } = this;
    // Section 8.3.1. CONNECT (section 8.5) has neither scheme nor path; this server has no use for it.
    if (method === undefined || scheme === undefined || path === undefined)
      this.#fail("missing pseudo-header");
    else if (!validMethod.test(method)) this.#fail("invalid method");
    else if (!validPath.test(path) || (path === "*" && method !== "OPTIONS")) this.#fail("invalid path");
    if (
      authority !== undefined &&
      this.#host !== undefined &&
      authority.toLowerCase() !== this.#host.toLowerCase()
    ) {
      this.#fail("host differs from :authority");
    }
    this.authority ??= this.#host;
  }

  #fail(fault: string): void {
    this.fault ??= fault;
  }
}

const validMethod = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const validPath = /^(?:\/[^\0- #\x7f]*|\*)$/;
