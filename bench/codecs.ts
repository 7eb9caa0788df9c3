// Time to decode each request and to encode each response, against protobuf-es, in one process: `node bench/codecs.ts`.
import { create, type DescMessage, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  BatchGetRequestSchema,
  BatchGetResponseSchema,
  CommitRequestSchema,
  CommitResponseSchema,
  GetRequestSchema,
  GetResponseSchema,
  PutRequestSchema,
  PutResponseSchema,
} from "../gen/duetkv/v1/key_value_pb.ts";
import { createBinaryCodec } from "../src/wire/protobuf/binary-codec.ts";

const rounds = 9;
const roundMs = 40;
const warmUpMs = 200;

type Work = () => unknown;

const codec = createBinaryCodec(new Map());
const target = Buffer.alloc(256 * 1024);
const value = "v".repeat(64);
const indices = Array.from({ length: 100 }, (_, index) => index);
const key = (index: number): string => `bench/key-${String(index).padStart(6, "0")}`;
const entry = (index: number, text?: string) => ({
  key: key(index),
  value: text,
  bytesValue: undefined,
  revision: BigInt(100_000 + index),
  createRevision: BigInt(500 + index),
  version: 3n,
  updateTime: { seconds: 1_770_000_000n, nanos: 123_000_000 },
  expireTime: undefined,
});
const revision = 100_001n;

const works: readonly (readonly [string, Work, Work])[] = [
  decoding(PutRequestSchema, { key: key(1), value }),
  decoding(GetRequestSchema, { key: key(1) }),
  decoding(BatchGetRequestSchema, { keys: indices.map(key) }),
  decoding(CommitRequestSchema, {
    mutations: indices.map((index) => ({
      kind: { case: "put" as const, value: { key: key(index), value } },
    })),
  }),
  encoding(PutResponseSchema, { revision, entry: entry(1) }),
  encoding(GetResponseSchema, { revision, entry: entry(1, value) }),
  encoding(GetResponseSchema, { revision, entry: entry(1, "v".repeat(64 * 1024)) }, " of 64 KiB"),
  encoding(BatchGetResponseSchema, { revision, entries: indices.map((index) => entry(index, value)) }),
  encoding(CommitResponseSchema, { revision, results: indices.map((index) => ({ entry: entry(index) })) }),
];

for (const [, generated, library] of works) for (const work of [generated, library]) timeOf(work, warmUpMs);
console.log("| | generated, ns | protobuf-es, ns |\n| --- | ---: | ---: |");
for (const [name, ...both] of works) {
  // In turns, so that other work on the machine disturbs both alike.
  const times = both.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of both.entries()) times[index]?.push(timeOf(work, roundMs));
  }
  console.log(`| ${name} | ${times.map((each) => median(each).toFixed(0)).join(" | ")} |`);
}

function decoding<Desc extends DescMessage>(
  schema: Desc,
  init: MessageInitShape<Desc>,
): [string, Work, Work] {
  const bytes = Buffer.from(toBinary(schema, create(schema, init)));
  return [`decode ${schema.name}`, () => codec.decode(schema, bytes), () => fromBinary(schema, bytes)];
}

function encoding<Desc extends DescMessage>(
  schema: Desc,
  init: MessageInitShape<Desc>,
  suffix = "",
): [string, Work, Work] {
  const generated = () => codec.encodeInto(schema, init, target, 14);
  return [`encode ${schema.name}${suffix}`, generated, () => toBinary(schema, create(schema, init))];
}

/** Nanoseconds of one call. */
function timeOf(work: Work, milliseconds: number): number {
  const start = performance.now();
  let calls = 0;
  let elapsed = 0;
  for (; elapsed < milliseconds; elapsed = performance.now() - start) {
    for (let index = 0; index < 20; index++) work();
    calls += 20;
  }
  return (elapsed * 1e6) / calls;
}

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] as number;
}
