import type { Measurement } from "../results.ts";

const [width, height] = [720, 400];
const area = { left: 70, right: 480, top: 40, bottom: 350 };
const colors = ["#0b62d6", "#d65f0b", "#2a9d4a", "#8a4fd6", "#b3261e", "#5f6b7a"];

type Figure = "perSecond" | "p99";

/** A line for each server over concurrency; both axes are logarithmic. */
export function plot(
  title: string,
  unit: string,
  measurements: readonly Measurement[],
  figure: Figure,
): string {
  const servers = [...new Set(measurements.map(({ server }) => server))];
  const toX = logScale(
    measurements.map(({ concurrency }) => concurrency),
    area.left,
    area.right,
  );
  const toY = logScale(
    measurements.map((each) => each[figure]),
    area.bottom,
    area.top,
  );
  const lines = servers.map((server, index) => {
    const own = measurements
      .filter((each) => each.server === server)
      .toSorted((a, b) => a.concurrency - b.concurrency);
    const points = own.map((each) => `${toX.at(each.concurrency)},${toY.at(each[figure])}`);
    const color = colors[index % colors.length] as string;
    const y = area.top + 10 + index * 22;
    const dots = points.map(
      (point) => `<circle cx="${point.replace(",", '" cy="')}" r="3" fill="${color}"/>`,
    );
    return `<polyline points="${points.join(" ")}" fill="none" stroke="${color}" stroke-width="2"/>${dots.join("")}
<rect x="${area.right + 14}" y="${y - 9}" width="10" height="10" fill="${color}"/>${text(area.right + 30, y, server)}`;
  });
  const concurrencies = [...new Set(measurements.map(({ concurrency }) => concurrency))];
  const xTicks = concurrencies.map((value) => text(toX.at(value), area.bottom + 18, String(value), "middle"));
  const yTicks = toY.ticks.map(
    (value) =>
      `<line x1="${area.left}" x2="${area.right}" y1="${toY.at(value)}" y2="${toY.at(value)}" stroke="#ddd"/>` +
      text(area.left - 6, toY.at(value) + 4, value.toLocaleString("en"), "end"),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${text(area.left, 20, `${title} (${unit})`)}
${[...yTicks, ...xTicks, ...lines].join("\n")}
${text((area.left + area.right) / 2, height - 12, "calls under way", "middle")}
</svg>
`;
}

function text(x: number, y: number, content: string, anchor = "start"): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped}</text>`;
}

/** Ticks are 1, 2 and 5 times the powers of ten that are in the range. */
function logScale(values: readonly number[], from: number, to: number) {
  const [low, high] = [Math.log10(Math.min(...values)), Math.log10(Math.max(...values))];
  const span = high - low || 1;
  const at = (value: number) => Math.round(from + ((Math.log10(value) - low) / span) * (to - from));
  const powers = Array.from({ length: 10 }, (_, power) =>
    [1, 2, 5].map((factor) => factor * 10 ** power),
  ).flat();
  const ticks = powers.filter((value) => Math.log10(value) >= low && Math.log10(value) <= high);
  return { at, ticks };
}
