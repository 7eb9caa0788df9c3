const width = 240;
const height = 48;

/** A line through the samples, the newest at the right; the highest at the top. */
export function Sparkline(props: {
  readonly label: string;
  readonly samples: readonly number[];
  readonly count: number;
}) {
  const { label, samples, count } = props;
  const highest = Math.max(...samples, Number.MIN_VALUE);
  const points = samples.map((sample, index) => {
    const x = ((count - samples.length + index) / (count - 1)) * width;
    return `${x.toFixed(1)},${(height - 2 - (sample / highest) * (height - 4)).toFixed(1)}`;
  });
  return (
    <svg
      class="sparkline"
      viewBox={`0 0 ${width} ${height}`}
      preserveAspectRatio="none"
      role="img"
      aria-label={label}
    >
      <polyline points={points.join(" ")} />
    </svg>
  );
}
