import * as v from "valibot";

export interface Address {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** HOST:PORT, as `address` reads it. */
export function addressToText({ host, port }: Address): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The location of the transaction log. */
export type LogLocation =
  | { readonly type: "file"; readonly directory: string }
  | { readonly type: "postgres"; readonly url: string }
  | { readonly type: "nats"; readonly url: string }
  | { readonly type: "memory" };

/** The messages of all these schemas complete the sentence "… must be". */
export const address = v.pipe(
  v.string(),
  v.rawTransform<string, Address>(({ dataset, addIssue, NEVER }) => {
    // An IPv6 address is in brackets.
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(dataset.value);
    if (match === null || Number(match[3]) > 65_535) {
      addIssue({ message: "HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080" });
      return NEVER;
    }
    return { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
  }),
);

const units: Readonly<Record<string, number>> = {
  "": 1,
  B: 1,
  kB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  KiB: 1024,
  MiB: 1024 ** 2,
  GiB: 1024 ** 3,
};

const durationUnits = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A size in bytes, as a plain number or with a unit. */
export const size = wholeNumber("a size greater than 0, such as 64MiB or a number of bytes", units);

export const count = wholeNumber("a whole number greater than 0");

export const milliseconds = wholeNumber("a whole number of milliseconds greater than 0");

/** A duration with a unit, in milliseconds. */
export const duration = wholeNumber(
  "a duration greater than 0 with a unit, such as 90s, 30m or 1h",
  durationUnits,
);

/** The same; 0s is none. */
export const delay = wholeNumber("a duration with a unit, such as 0s, 5s or 1m", durationUnits, 0);

/** The shortest text for this size that `size` accepts. */
export function sizeToText(bytes: number): string {
  const unit = (["GiB", "MiB", "KiB"] as const).find((name) => bytes % (units[name] as number) === 0);
  return unit === undefined ? String(bytes) : `${bytes / (units[unit] as number)}${unit}`;
}

function wholeNumber(message: string, factors: Readonly<Record<string, number>> = { "": 1 }, least = 1) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, number>(({ dataset, addIssue, NEVER }) => {
      const [, digits, unit = ""] = /^(0|[1-9]\d{0,14})([A-Za-z]*)$/.exec(dataset.value) ?? [];
      const value = Number(digits) * (Object.hasOwn(factors, unit) ? (factors[unit] as number) : Number.NaN);
      if (Number.isSafeInteger(value) && value >= least) return value;
      addIssue({ message });
      return NEVER;
    }),
  );
}

export const logLocation = v.pipe(
  v.string(),
  v.rawTransform<string, LogLocation>(({ dataset: { value }, addIssue, NEVER }) => {
    if (value === "memory:") return { type: "memory" };
    if (value.startsWith("file:") && value.length > "file:".length) {
      return { type: "file", directory: value.slice("file:".length) };
    }
    if (/^postgres(ql)?:\/\//.test(value)) return { type: "postgres", url: value };
    if (/^(nats|tls):\/\/[^/?]+\/[A-Za-z0-9_-]{1,60}(\?.*)?$/.test(value))
      return { type: "nats", url: value };
    addIssue({ message: "file:DIR, postgres://…, nats://HOST,…/NAME or memory:" });
    return NEVER;
  }),
);

/** URLs of monitoring ports. */
export const monitorUrls = v.pipe(
  v.string(),
  v.rawTransform<string, readonly string[]>(({ dataset: { value }, addIssue, NEVER }) => {
    const urls = value.split(",").map((each) => each.trim());
    if (urls.every((url) => /^https?:\/\//.test(url) && URL.canParse(url))) return urls;
    addIssue({ message: "a list of URLs, such as http://one:8222,http://two:8222,http://three:8222" });
    return NEVER;
  }),
);

/** Origins of web pages, as browsers send them. */
export const corsOrigins = v.pipe(
  v.string(),
  v.rawTransform<string, ReadonlySet<string> | "*">(({ dataset: { value }, addIssue, NEVER }) => {
    if (value.trim() === "*") return "*";
    const origins = value.split(",").map((each) => each.trim());
    if (origins.every(isOrigin)) return new Set(origins);
    addIssue({ message: "* or a list of origins, such as https://app.example,http://localhost:3000" });
    return NEVER;
  }),
);

/** Host names without ports. */
export const hostNames = v.pipe(
  v.string(),
  v.rawTransform<string, ReadonlySet<string> | "*">(({ dataset: { value }, addIssue, NEVER }) => {
    if (value.trim() === "*") return "*";
    const names = value.split(",").map((each) => each.trim().toLowerCase());
    if (names.every((name) => /^(?:[\w.-]+|\[[\da-f:.]+\])$/.test(name))) return new Set(names);
    addIssue({ message: "* or a list of host names without ports, such as duetkv.example,db.local" });
    return NEVER;
  }),
);

function isOrigin(text: string): boolean {
  return /^https?:\/\/[\w.:[\]-]+$/.test(text) && URL.canParse(text) && new URL(text).origin === text;
}
