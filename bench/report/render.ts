import { middleOf } from "../load/measure.ts";
import { duetKv, type Fact, type Measurement, type Results } from "../results.ts";
import { renderGoals } from "./goals.ts";

/** The question of each section. */
const questions: Readonly<Record<string, string>> = {
  gets: "What does a get take?",
  "half load": "How long does a get take when the server is half as busy as it can be?",
  puts: "What does a put take that is synced before its response?",
  mixed: "What does a mix of nine gets and one put take?",
  batches: "What do many keys in one call take?",
  million: "What does a store of a million entries cost?",
  compaction: "What does compaction cost the writers?",
  snapshot: "How fast is a backup, and what does it cost the writers?",
  replicas: "How fast are replicas on PostgreSQL and on NATS?",
  startup: "How long does a start take?",
  watch: "How many events reach the watchers?",
  expiry: "How long do many expiries take?",
};

/** RESULTS.md: the goals, then a chapter for each section, with a table for each thing that was asked for. */
export function render(results: Results, plots: readonly { name: string; title: string }[]): string {
  const { date, command, machine, versions, notes, measurements, facts, goals } = results;
  const sections = [...new Set([...measurements, ...facts].map(({ section }) => section))];
  const body = sections.flatMap((section) => [
    `## ${questions[section] ?? section}`,
    ...loads(measurements.filter((each) => each.section === section)),
    ...single(facts.filter((each) => each.section === section)),
  ]);
  return `${[
    "# Measured",
    `\`${command}\`, ${date}. ${machine}. ${versions}.`,
    "The server has one core, its load the other. CPU is what the process of the server used for each request, by\n" +
      "`/proc/PID/stat`. Latencies are those that the load generator saw. Servers that compete run side by side and have\n" +
      "turns of a second, two with 1,024 calls in flight: each figure is the median of its turns.",
    "Where several servers are compared, a cell has requests per second, CPU for each, and p99. After × stands how many\n" +
      "times as many requests Duet KV serves.",
    ...notes,
    ...(goals.length === 0 ? [] : ["## Are the goals met?", renderGoals(goals)]),
    ...plots.map(({ name, title }) => `![${title}](${name})`),
    ...body,
  ].join("\n\n")}\n`;
}

/** Duet KV alone: one table for the section. With peers: one for each question and protocol, a column for each load. */
function loads(measurements: readonly Measurement[]): readonly string[] {
  const alone = measurements.filter((each) => !hasPeer(measurements, each));
  const contested = measurements.filter((each) => hasPeer(measurements, each));
  const contests = Map.groupBy(contested, ({ what, protocol }) => `${what} over ${protocol}`);
  return [
    ...(alone.length === 0 ? [] : [aloneTable(alone)]),
    ...[...contests].map(([title, each]) => `### ${title}\n\n${contestTable(each)}`),
  ];
}

function hasPeer(measurements: readonly Measurement[], { what }: Measurement): boolean {
  return measurements.some((each) => each.what === what && each.server !== duetKv);
}

function aloneTable(measurements: readonly Measurement[]): string {
  const rows = measurements.map(({ what, protocol, concurrency, perSecond, cpuMicros, p50, p99, p999 }) => {
    const times = [p50, p99, p999].map(milliseconds);
    const columns = [what, protocol, whole(concurrency), whole(perSecond), readable(cpuMicros), ...times];
    return `| ${columns.join(" | ")} |`;
  });
  return [
    "| | protocol | in flight | requests/s | CPU µs | p50 ms | p99 ms | p99.9 ms |",
    "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ...rows,
  ].join("\n");
}

function contestTable(measurements: readonly Measurement[]): string {
  const loadSizes = [...new Set(measurements.map(({ concurrency }) => concurrency))];
  const servers = Map.groupBy(measurements, ({ server }) => server);
  const rows = [...servers].map(([server, each]) => {
    const cells = loadSizes.map((size) => {
      const measured = each.find(({ concurrency }) => concurrency === size);
      return measured === undefined ? "" : cell(measurements, measured);
    });
    return `| ${[server, ...cells].join(" | ")} |`;
  });
  const head = loadSizes.map((size) => `${whole(size)} in flight`);
  return [`| server | ${head.join(" | ")} |`, `| --- |${" ---: |".repeat(head.length)}`, ...rows].join("\n");
}

function cell(measurements: readonly Measurement[], measured: Measurement): string {
  const { perSecond, cpuMicros, p99 } = measured;
  const times = ratio(measurements, measured);
  const rate = `${whole(perSecond)}${times === "" ? "" : ` (× ${times})`}`;
  return `${rate}, ${readable(cpuMicros)} µs, ${milliseconds(p99)} ms`;
}

/** Duet KV's requests per second ÷ the peer's. */
function ratio(measurements: readonly Measurement[], peer: Measurement): string {
  if (peer.server === duetKv) return "";
  const ours = measurements.find(
    ({ server, concurrency }) => server === duetKv && concurrency === peer.concurrency,
  );
  if (ours === undefined) return "";
  const { rounds } = peer;
  if (rounds === undefined || ours.rounds?.length !== rounds.length) {
    return (ours.perSecond / peer.perSecond).toFixed(2);
  }
  return middleOf(ours.rounds.map((perSecond, round) => perSecond / (rounds[round] as number))).toFixed(2);
}

function single(facts: readonly Fact[]): readonly string[] {
  if (facts.length === 0) return [];
  const rows = facts.map(({ what, value, unit }) => `| ${what} | ${readable(value)} ${unit} |`);
  return [["| | |", "| --- | ---: |", ...rows].join("\n")];
}

function milliseconds(microseconds: number): string {
  return readable(microseconds / 1000);
}

function readable(value: number): string {
  return value >= 100 ? whole(value) : String(Number(value.toPrecision(3)));
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
