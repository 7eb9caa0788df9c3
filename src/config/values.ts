import * as v from "valibot";

export interface Address {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

/** Where the transaction log is. */
export type LogLocation =
  | { readonly type: "file"; readonly directory: string }
  | { readonly type: "postgres"; readonly url: string }
  | { readonly type: "memory" };

/** The messages complete "must be …". */
export const address = v.pipe(
  v.string(),
  v.rawTransform<string, Address>(({ dataset, addIssue, NEVER }) => {
    // The host of an IPv6 address is in brackets.
    const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(dataset.value);
    if (match === null || Number(match[3]) > 65_535) {
      addIssue({ message: "HOST:PORT, such as 127.0.0.1:8080 or [::1]:8080" });
      return NEVER;
    }
    return { host: (match[1] ?? match[2]) as string, port: Number(match[3]) };
  }),
);

export const integer = v.pipe(
  v.string(),
  v.regex(/^[1-9]\d{0,14}$/, "a whole number greater than 0"),
  v.transform(Number),
);

export const logLocation = v.pipe(
  v.string(),
  v.rawTransform<string, LogLocation>(({ dataset: { value }, addIssue, NEVER }) => {
    if (value === "memory:") return { type: "memory" };
    if (value.startsWith("file:") && value.length > "file:".length) {
      return { type: "file", directory: value.slice("file:".length) };
    }
    if (/^postgres(ql)?:\/\//.test(value)) return { type: "postgres", url: value };
    addIssue({ message: "file:DIR, postgres://… or memory:" });
    return NEVER;
  }),
);
