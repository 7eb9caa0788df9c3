import type { GoalResult } from "../results.ts";

/** Each goal with what was measured, and whether it was met. */
export function renderGoals(results: readonly GoalResult[]): string {
  const rows = results.map((result) => {
    const { what, peer, ours, theirs, ratio, bound } = result;
    const goal = bound === undefined ? "" : `≤ ${bound.toFixed(2)}`;
    const met = bound === undefined ? "" : ratio <= bound ? "yes" : "**no**";
    const columns = [what, peer, ours.toFixed(1), theirs.toFixed(1), goal, ratio.toFixed(2), met];
    return `| ${columns.join(" | ")} |`;
  });
  return [
    "| work | peer | Duet KV, µs | peer, µs | goal, ours ÷ theirs | measured | met |",
    "| --- | --- | ---: | ---: | ---: | ---: | --- |",
    ...rows,
  ].join("\n");
}
