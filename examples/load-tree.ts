/**
 * Stores every file below a directory: its path, relative and with slashes, as key; its content as value, as text if it
 * is valid UTF-8 and as bytes otherwise. Files that are larger than a value may be are left out and counted.
 *
 *     node examples/load-tree.ts DIR --address HOST:PORT [--protocol grpc|rest] [--prefix P] [--verify]
 *
 * With --verify nothing is stored: everything is read back, and each byte and the list of keys are compared.
 */
import { readdir, readFile } from "node:fs/promises";
import { join, sep } from "node:path";
import { parseArgs } from "node:util";
import { openGrpcStore, openRestStore, type TreeStore } from "./load-tree-stores.ts";

const valueBytesMax = 1024 * 1024;
const concurrency = 64;

interface Tally {
  files: number;
  bytes: number;
  binary: number;
  tooLarge: number;
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    address: { type: "string", default: "127.0.0.1:8080" },
    protocol: { type: "string", default: "grpc" },
    prefix: { type: "string", default: "" },
    verify: { type: "boolean", default: false },
  },
});
const [directory] = positionals;
if (directory === undefined || !["grpc", "rest"].includes(values.protocol)) {
  console.error("usage: load-tree.ts DIR --address HOST:PORT [--protocol grpc|rest] [--prefix P] [--verify]");
  process.exit(2);
}

const store = values.protocol === "rest" ? openRestStore(values.address) : openGrpcStore(values.address);
const start = performance.now();
const keys: string[] = [];
const differences: string[] = [];
const tally: Tally = { files: 0, bytes: 0, binary: 0, tooLarge: 0 };
try {
  await forEachFile(directory, (path, content) => (values.verify ? compare : load)(store, path, content));
  if (values.verify) await compareKeys(store);
} finally {
  store.close();
}
const seconds = (performance.now() - start) / 1000;
console.log(
  `${values.verify ? "compared" : "stored"} ${tally.files} files (${tally.binary} binary, ${tally.bytes} bytes) ` +
    `over ${values.protocol} in ${seconds.toFixed(1)} s, ${Math.round(tally.files / seconds)}/s; ` +
    `${tally.tooLarge} were too large`,
);
for (const difference of differences.slice(0, 20)) console.error(difference);
if (differences.length > 0) console.error(`${differences.length} differences`);
process.exitCode = differences.length > 0 ? 1 : 0;

async function load(target: TreeStore, key: string, content: Buffer): Promise<void> {
  await target.put(key, content, isText(content));
}

async function compare(target: TreeStore, key: string, content: Buffer): Promise<void> {
  const stored = await target.get(key);
  if (stored === undefined) differences.push(`${key} is missing`);
  else if (stored.text !== isText(content)) differences.push(`${key} is not of the same kind`);
  else if (!content.equals(stored.bytes)) differences.push(`${key} has another content`);
}

async function compareKeys(target: TreeStore): Promise<void> {
  const listed = await target.keys(values.prefix);
  const expected = keys.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  for (let index = 0; index < Math.max(listed.length, expected.length); index++) {
    if (listed[index] === expected[index]) continue;
    differences.push(`the list has ${listed[index]} where ${expected[index]} should be`);
    return;
  }
}

/** Calls `use` for every file that is small enough, for several at the same time. */
async function forEachFile(
  root: string,
  use: (key: string, content: Buffer) => Promise<void>,
): Promise<void> {
  const paths = walk(root);
  const workers = Array.from({ length: concurrency }, async () => {
    // All take from the same iterator.
    for await (const path of { [Symbol.asyncIterator]: () => ({ next: () => paths.next() }) }) {
      const content = await readFile(join(root, path));
      if (content.length > valueBytesMax) {
        tally.tooLarge++;
        continue;
      }
      const key = values.prefix + path.split(sep).join("/");
      keys.push(key);
      tally.files++;
      tally.bytes += content.length;
      if (!isText(content)) tally.binary++;
      await use(key, content);
    }
  });
  await Promise.all(workers);
}

/** Paths of all files, relative to `root`. Symbolic links are not followed. */
async function* walk(root: string, below = ""): AsyncGenerator<string, void> {
  for (const entry of await readdir(join(root, below), { withFileTypes: true })) {
    const path = join(below, entry.name);
    if (entry.isDirectory()) yield* walk(root, path);
    else if (entry.isFile()) yield path;
  }
}

function isText(content: Buffer): boolean {
  try {
    new TextDecoder("utf-8", { fatal: true }).decode(content);
    return true;
  } catch {
    return false;
  }
}
