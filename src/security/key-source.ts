import { readFile } from "node:fs/promises";
import { createLocalJWKSet, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";

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
  /** Of a monotonic clock, in milliseconds. For tests. */
  readonly now?: () => number;
}

/** The public keys of an issuer (a JWKS), which stay in use while the issuer is away. */
export class KeySource {
  readonly #options: KeySourceOptions;
  #keys: JWTVerifyGetKey | undefined = undefined;
  #text = "";
  #version = 0;
  #readAt = Number.NEGATIVE_INFINITY;
  #reading: Promise<void> | undefined = undefined;

  constructor(options: KeySourceOptions) {
    this.#options = options;
  }

  get isFile(): boolean {
    return !/^https?:/i.test(this.#options.location);
  }

  /** Grows when the keys change. */
  get version(): number {
    return this.#version;
  }

  /** The keys; undefined while they have never been read. */
  async keys(): Promise<JWTVerifyGetKey | undefined> {
    const age = this.#now() - this.#readAt;
    // Old keys do until the new ones are there.
    const isReading = this.#reading !== undefined;
    if (this.#keys === undefined && (isReading || age >= fetchMs)) await this.refresh();
    else if (age >= refreshMs) void this.refresh();
    return this.#keys;
  }

  /** Reads the keys because a token names one that is not among them. False: they were read a moment ago. */
  async refreshForUnknownKey(): Promise<boolean> {
    if (this.#reading === undefined && this.#now() - this.#readAt < unknownKeyMs) return false;
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
    const { location, onFailure } = this.#options;
    this.#readAt = this.#now();
    try {
      const text = this.isFile ? await readFile(location, "utf8") : await fetchText(location);
      if (text === this.#text) return;
      this.#keys = createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
      this.#text = text;
      this.#version++;
    } catch (error) {
      onFailure(error, location);
    }
  }

  #now(): number {
    return (this.#options.now ?? (() => performance.now()))();
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
