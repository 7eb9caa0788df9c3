import { keyOf } from "../duetkv.ts";
import { type Dialect, duetKvGrpc, duetKvRest } from "../load/dialect.ts";
import type { Request } from "../load/load.ts";
import { batchGetOf, commitOf } from "../load/requests.ts";
import type { PeerName } from "./contender.ts";

/**
 * The compared figure: microseconds of the server's CPU for each call (or event), or the latency that 1 in 1,000
 * calls exceeds.
 */
type Measure = "cpuMicros" | "p999";

/** The most that Duet KV may take, as a share of what the peer takes; undefined: shown without a goal. */
type Bounds = Readonly<Partial<Record<PeerName, number | undefined>>>;

export interface Goal {
  /** The name for `--only`. */
  readonly name: string;
  readonly what: string;
  readonly bounds: Bounds;
  readonly work: Work;
}

/** How the work of a goal is done. */
type Work =
  | CallWork
  /** Each put is delivered to so many watchers. */
  | { readonly kind: "watch"; readonly watchers: number };

export interface CallWork {
  readonly kind: "calls";
  readonly measure: Measure;
  /** How Duet KV is asked. */
  readonly dialect: Dialect;
  readonly valueBytes: number;
  readonly concurrency: number;
  /** The number of keys that are stored first. Default: the one that is read. */
  readonly keys?: number;
  readonly ownDeadlines?: boolean;
  /** Each server at half of the rate that it reaches under full load. */
  readonly halfOfPeak?: boolean;
  /** The calls that are measured: one again and again, or many at random. `stored` are all keys of the store. */
  readonly requests: (dialect: Dialect, stored: readonly string[], value: string) => readonly Request[];
}

const getOne: CallWork["requests"] = (dialect, [key = ""]) => [dialect.get(key)];
const putOne: CallWork["requests"] = (dialect, [key = ""], value) => [dialect.put(key, value)];
const askedKeysMax = 20_000;

const get = {
  kind: "calls",
  measure: "cpuMicros",
  dialect: duetKvGrpc,
  valueBytes: 64,
  concurrency: 64,
  requests: getOne,
} satisfies CallWork;
const put = { ...get, requests: putOne };
const restGet = { ...get, dialect: duetKvRest };
const restPut = { ...put, dialect: duetKvRest };

export const goals: readonly Goal[] = [
  {
    name: "get-64",
    what: "gRPC get of 64 B, 64 in flight",
    bounds: { tonic: 0.6, "grpc-go": undefined, "bare node:http2": 1 / 6, etcd: 1 / 10 },
    work: get,
  },
  {
    name: "get-deadlines",
    what: "gRPC get of 64 B, 64 in flight, each call with a deadline of its own",
    bounds: { tonic: 0.9, "grpc-go": undefined },
    work: { ...get, ownDeadlines: true },
  },
  {
    name: "get-million",
    what: "gRPC get of any of a million keys, 64 in flight",
    bounds: { tonic: 1, "grpc-go": undefined },
    work: {
      ...get,
      keys: 1_000_000,
      requests: (dialect, stored) => someOf(stored).map((key) => dialect.get(key)),
    },
  },
  {
    name: "get-1",
    what: "gRPC get of 64 B, 1 in flight",
    bounds: { tonic: 1, "grpc-go": undefined },
    work: { ...get, concurrency: 1 },
  },
  {
    name: "get-64k",
    what: "gRPC get of 64 KiB, 64 in flight",
    bounds: { "bare node:http2": 0.6, tonic: undefined },
    work: { ...get, valueBytes: 64 * 1024 },
  },
  {
    name: "put-64",
    what: "gRPC put of 64 B, fsynced, 64 in flight",
    bounds: { etcd: 1 / 3 },
    work: put,
  },
  {
    name: "put-1024",
    what: "gRPC put of 64 B, fsynced, 1,024 in flight",
    bounds: { etcd: 1 / 4 },
    work: { ...put, concurrency: 1024 },
  },
  {
    name: "batch-get",
    what: "BatchGet of 100 keys, 64 in flight",
    bounds: { "Duet KV 0.1": 1 / 2, tonic: undefined },
    work: { ...get, keys: 1000, requests: (_, stored) => [batchGetOf(stored.slice(0, 100))] },
  },
  {
    name: "commit",
    what: "Commit of 100 puts, 64 in flight",
    bounds: { "Duet KV 0.1": 1 / 2.5 },
    work: { ...get, keys: 1000, requests: (_, stored, value) => [commitOf(stored.slice(0, 100), value)] },
  },
  {
    name: "watch",
    what: "gRPC watch, an event for each of 1,000 watchers",
    bounds: { "Duet KV 0.1": 1 / 3 },
    work: { kind: "watch", watchers: 1000 },
  },
  ...[16, 64, 1024].map((concurrency) => ({
    name: `rest-get-${concurrency}`,
    what: `REST get of 64 B over HTTP/1.1, ${concurrency.toLocaleString("en")} in flight`,
    bounds: { "bare node:http": 1 },
    work: { ...restGet, concurrency },
  })),
  {
    name: "rest-get-1",
    what: "REST get of 64 B over HTTP/1.1, 1 in flight",
    bounds: { "bare node:http": 1 / 0.88 },
    work: { ...restGet, concurrency: 1 },
  },
  ...[64, 1024].map((concurrency) => ({
    name: `rest-put-${concurrency}`,
    what: `REST put of 64 B over HTTP/1.1, fsynced, ${concurrency.toLocaleString("en")} in flight`,
    bounds: { "bare node:http": 1 / 0.9 },
    work: { ...restPut, concurrency },
  })),
  {
    name: "half-peak",
    what: "p99.9 of a gRPC get of 64 B, each server at half of its peak",
    bounds: { "bare node:http2": 1 },
    work: { ...get, measure: "p999", halfOfPeak: true },
  },
];

/** Keys from the whole range, as many as a generator takes. */
function someOf(keys: readonly string[]): readonly string[] {
  const step = Math.max(1, Math.floor(keys.length / askedKeysMax));
  return keys.filter((_, index) => index % step === 0);
}

/** The keys of a store with `count` entries. */
export function keysOf(count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => keyOf(index));
}
