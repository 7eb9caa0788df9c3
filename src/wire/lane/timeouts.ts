import { isEndlessTimeout } from "../deadline.ts";

/** Milliseconds; undefined: no deadline; "odd": for Connect to judge. */
export type Timeout = number | undefined | "odd";

const unitMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 1e-3, n: 1e-6 };

export function parseGrpcTimeout(header: string | string[] | undefined): Timeout {
  if (header === undefined) return undefined;
  const parts = typeof header === "string" ? /^(\d{1,8})([HMSmun])$/.exec(header) : null;
  if (parts === null || isEndlessTimeout("grpc-timeout", header as string)) return "odd";
  return Number(parts[1]) * (unitMs[parts[2] as string] as number);
}

export function parseConnectTimeout(header: string | string[] | undefined): Timeout {
  if (header === undefined) return undefined;
  if (typeof header !== "string" || !/^\d{1,10}$/.test(header)) return "odd";
  return isEndlessTimeout("connect-timeout-ms", header) ? "odd" : Number(header);
}
