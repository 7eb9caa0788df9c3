const firstMs = 50;
const longestMs = 2_000;

/** How long to wait after `failures` failures in a row: exponential, with jitter so that replicas do not retry together. */
export function backoffMs(failures: number): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 10));
  return ceiling * (0.5 + Math.random() / 2);
}
