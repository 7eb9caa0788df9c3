/**
 * Measures Duet KV and its peers, and writes RESULTS.md and its plots beside this file, and all figures to
 * dist/bench/results.json. A run of less than everything writes all of it to dist/bench. What fails is named in RESULTS.md, the
 * rest is measured all the same, and the exit code is 1.
 *
 *     npm run bench                       everything, about 30 minutes
 *     npm run bench -- gets puts          only these sections
 *     npm run bench -- --only get-64      only this goal; may be repeated
 *     npm run bench -- --quick            a short run of everything
 */
import { mkdir, writeFile } from "node:fs/promises";
import { cpus, totalmem } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compareGoals } from "./goals/compare.ts";
import { hasH2load, hasWrk } from "./load/measure.ts";
import { etcdVersion } from "./peers/etcd.ts";
import { hasWebdis, redisVersion } from "./peers/redis.ts";
import { renderGoals } from "./report/goals.ts";
import { plot } from "./report/plot.ts";
import { render } from "./report/render.ts";
import type { Results, Run } from "./results.ts";
import { batches } from "./sections/batches.ts";
import { compaction } from "./sections/compaction.ts";
import { expiry } from "./sections/expiry.ts";
import { gets } from "./sections/gets.ts";
import { halfLoad } from "./sections/half-load.ts";
import { million } from "./sections/million.ts";
import { mixed } from "./sections/mixed.ts";
import { puts } from "./sections/puts.ts";
import { replicas } from "./sections/replicas.ts";
import { snapshot } from "./sections/snapshot.ts";
import { startup } from "./sections/startup.ts";
import { watch } from "./sections/watch.ts";
import { canPin, pinThisProcess } from "./server-process.ts";

const sections: Readonly<Record<string, (run: Run) => Promise<void>>> = {
  goals: (each) => compareGoals(each, only),
  gets,
  "half-load": halfLoad,
  puts,
  mixed,
  batches,
  million,
  compaction,
  snapshot,
  startup,
  watch,
  expiry,
  replicas,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: "boolean", default: false }, only: { type: "string", multiple: true } },
});
const { quick, only = [] } = values;
const isPart = positionals.length > 0 || only.length > 0;
const chosen = only.length > 0 ? ["goals", ...positionals] : positionals;
const names = isPart ? chosen : Object.keys(sections);
for (const name of names) {
  if (sections[name] === undefined) {
    console.error(`there is no section ${name}; there are ${Object.keys(sections).join(", ")}`);
    process.exit(2);
  }
}

const notes = [
  ...(hasH2load
    ? []
    : ["Without h2load, Node made the load, and bounds it: `apt-get install nghttp2-client`."]),
  ...(hasWrk ? [] : ["Without wrk, Node made the load over HTTP/1.1, and bounds it: `apt-get install wrk`."]),
  ...(etcdVersion === undefined ? ["etcd is not installed: `apt-get install etcd-server`."] : []),
  ...(redisVersion === undefined || !hasWebdis
    ? ["Redis and webdis are not installed: `apt-get install redis-server webdis`."]
    : []),
  ...(canPin ? [] : ["Server and load share their cores: there is no taskset, or only one core."]),
];
for (const note of notes) console.log(note);

const results: Results = {
  date: new Date().toISOString().slice(0, 10),
  command: ["npm run bench", ...(process.argv.length > 2 ? ["--", ...process.argv.slice(2)] : [])].join(" "),
  machine: `${cpus().length} cores of ${cpus()[0]?.model}, ${Math.round(totalmem() / 2 ** 30)} GiB`,
  versions: `Node ${process.version}${etcdVersion === undefined ? "" : `, etcd ${etcdVersion}`}${redisVersion === undefined ? "" : `, Redis ${redisVersion}`}`,
  notes,
  measurements: [],
  facts: [],
  goals: [],
};

const run: Run = {
  quick,
  seconds: quick ? 1 : 3,
  rounds: quick ? 1 : 5,
  measured(measurement) {
    results.measurements.push(measurement);
    const { what, server, protocol, concurrency, perSecond, cpuMicros, p50, p99, p999 } = measurement;
    const rate = `${Math.round(perSecond)}/s, ${cpuMicros.toFixed(1)} µs CPU`;
    console.log(
      `${what}, ${server}, ${protocol}, ${concurrency}: ${rate}, p50 ${p50} p99 ${p99} p99.9 ${p999} µs`,
    );
  },
  found(fact) {
    results.facts.push(fact);
    console.log(`${fact.what}: ${fact.value.toFixed(1)} ${fact.unit}`);
  },
  compared(result) {
    results.goals.push(result);
    const { goal, peer, ours, theirs, ratio } = result;
    console.log(
      `${goal}, ${peer}: ${ours.toFixed(1)} and ${theirs.toFixed(1)} µs, ratio ${ratio.toFixed(2)}`,
    );
  },
  failed(what, error) {
    results.notes.push(`Not measured: ${what}, which failed.`);
    console.error(`${what} failed:`, error);
    process.exitCode = 1;
  },
};

pinThisProcess();
for (const name of names) {
  try {
    await sections[name]?.(run);
  } catch (error) {
    run.failed(`section ${name}`, error);
  }
}
if (results.goals.length > 0) console.log(`\n${renderGoals(results.goals)}\n`);

const here = new URL(".", import.meta.url).pathname;
const dist = join(here, "../dist/bench");
const directory = quick || isPart ? dist : here;
await mkdir(dist, { recursive: true });
const plots: { name: string; title: string }[] = [];
for (const [protocol, file] of [
  ["gRPC", "grpc"],
  ["HTTP/1.1", "http1"],
] as const) {
  const swept = results.measurements.filter((each) => each.what === "get 64 B" && each.protocol === protocol);
  if (new Set(swept.map(({ concurrency }) => concurrency)).size < 2) continue;
  for (const [figure, name, unit] of [
    ["perSecond", "throughput", "requests/s"],
    ["p99", "p99", "µs"],
  ] as const) {
    const title = `get 64 B over ${protocol}, ${name}`;
    plots.push({ name: `get-${file}-${name}.svg`, title });
    await writeFile(join(directory, `get-${file}-${name}.svg`), plot(title, unit, swept, figure));
  }
}
await writeFile(join(dist, "results.json"), `${JSON.stringify(results, undefined, 2)}\n`);
await writeFile(join(directory, "RESULTS.md"), render(results, plots));
console.log(`written to ${directory}`);
