import { middleOf } from "../load/measure.ts";
import { duetKv, type Fact, type Measurement, type Results } from "../results.ts";

/** RESULTS.md: a table for each section and each thing that was asked for. */
export function render(results: Results, plots: readonly { name: string; title: string }[]): string {
  const { date, command, machine, versions, notes, measurements, facts } = results;
  const sections = [...new Set([...measurements, ...facts].map(({ section }) => section))];
  const body = sections.flatMap((section) => [
    `## ${section}`,
    ...loads(measurements.filter((each) => each.section === section)),
    ...single(facts.filter((each) => each.section === section)),
  ]);
  return `${[
    "# Measured",
    `\`${command}\`, ${date}. ${machine}. ${versions}.`,
    "The server has one core, its load the other. CPU is what the server's process used, by `/proc/PID/stat`, for each " +
      "request. Times are microseconds as the load generator saw them. *Duet KV ÷ it* compares requests per second over " +
      "the same protocol with as many calls under way: above 1, Duet KV is faster. Servers that compete run side by side " +
      "and are loaded in turns of a second, or two where 1,024 calls are under way; each figure is the median of five turns, and each ratio the median of the " +
      "ratios within a turn.",
    ...notes,
    ...plots.map(({ name, title }) => `![${title}](${name})`),
    ...body,
  ].join("\n\n")}\n`;
}

function loads(measurements: readonly Measurement[]): readonly string[] {
  const questions = [...new Set(measurements.map(({ what }) => what))];
  return questions.map((what) => {
    const rows = measurements
      .filter((each) => each.what === what)
      .map((each) => {
        const { server, protocol, concurrency, perSecond, cpuMicros, p50, p99, p999 } = each;
        const times = [p50, p99, p999].map(whole);
        const columns = [server, protocol, concurrency, whole(perSecond), cpuMicros.toFixed(1), ...times];
        return `| ${[...columns, ratio(measurements, each)].join(" | ")} |`;
      });
    return [
      `**${what}**\n`,
      "| server | protocol | under way | requests/s | CPU µs | p50 | p99 | p99.9 | Duet KV ÷ it |",
      "| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
      ...rows,
    ].join("\n");
  });
}

function ratio(measurements: readonly Measurement[], peer: Measurement): string {
  if (peer.server === duetKv) return "";
  const ours = measurements.find(
    ({ server, what, protocol, concurrency }) =>
      server === duetKv &&
      what === peer.what &&
      protocol === peer.protocol &&
      concurrency === peer.concurrency,
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

function readable(value: number): string {
  return value >= 100 ? whole(value) : value.toPrecision(3);
}

function whole(value: number): string {
  return Math.round(value).toLocaleString("en");
}
