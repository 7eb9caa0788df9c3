import { readFile } from "node:fs/promises";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { placeOfJsonFault } from "./json-fault.ts";

/** Between two looks at the keys of an issuer. */
const refreshMs = 300_000;
/** Between two looks because of tokens with an unknown key: anybody can send those. */
const unknownKeyMs = 30_000;
const fetchMs = 5000;
const bytesMax = 1024 * 1024;

export interface KeySourceOptions {
  /** A URL, or the path of a file. */
  readonly location: string;
  /** Told when the keys cannot be read; those from before stay in use. */
  readonly onFailure: (error: unknown, location: string) => void;
  /** Called when the keys have changed. Must not throw. */
  readonly onChange: () => void;
}

/**
 * The public keys of an issuer (a JWKS), which stay in use while the issuer is away. Those of a URL are read again from time
 * to time, until `close`; those of a file when `refresh` is called.
 */
export class KeySource {
  readonly #options: KeySourceOptions;
  #keys: JWTVerifyGetKey | undefined = undefined;
  #text = "";
  #version = 0;
  #isStale = false;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined = undefined;
  readonly #timer: NodeJS.Timeout | undefined;

  constructor(options: KeySourceOptions) {
    this.#options = options;
    this.#timer = this.isFile ? undefined : setInterval(() => void this.refresh(), refreshMs).unref();
  }

  get isFile(): boolean {
    return !/^https?:/i.test(this.#options.location);
  }

  /** Grows when the keys change. */
  get version(): number {
    return this.#version;
  }

  /** Whether they could not be read the last time: those from before are in use, if there are any. */
  get isStale(): boolean {
    return this.#isStale;
  }

  /** The keys; undefined while they have never been read. */
  async keys(): Promise<JWTVerifyGetKey | undefined> {
    const isDue = this.#reading !== undefined || performance.now() - this.#readAt >= fetchMs;
    if (this.#keys === undefined && isDue) await this.refresh();
    return this.#keys;
  }

  /** Reads the keys because a token names one that is not among them. False: they were read a moment ago. */
  async refreshForUnknownKey(): Promise<boolean> {
    if (this.#reading === undefined && performance.now() - this.#readAt < unknownKeyMs) return false;
    const before = this.#version;
    await this.refresh();
    return this.#version !== before;
  }

  /** Reads the keys now; what fails is reported and changes nothing. */
  async refresh(): Promise<void> {
    this.#reading ??= this.#read().finally(() => {
      this.#reading = undefined;
    });
    await this.#reading;
  }

  async #read(): Promise<void> {
    const { location, onFailure, onChange } = this.#options;
    this.#readAt = performance.now();
    try {
      const text = this.isFile ? await readFile(location, "utf8") : await fetchText(location);
      if (text !== this.#text) {
        this.#keys = createLocalJWKSet(parseKeys(text));
        this.#text = text;
        this.#version++;
        onChange();
      }
      this.#isStale = false;
    } catch (error) {
      this.#isStale = true;
      onFailure(error, location);
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }
}

/** The error of V8 would quote the text, which may hold a private key by mistake. */
function parseKeys(text: string): JSONWebKeySet {
  try {
    return JSON.parse(text) as JSONWebKeySet;
  } catch {
    throw new Error(`the keys are not JSON: ${placeOfJsonFault(text)}`);
  }
}

async function fetchText(url: string): Promise<string> {
  const response = await fetch(url, {
    headers: { accept: "application/json" },
    redirect: "error",
    signal: AbortSignal.timeout(fetchMs),
  });
  if (!response.ok) throw new Error(`the issuer responded with status ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    if (bytes > bytesMax) throw new Error(`the keys of the issuer are larger than ${bytesMax} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
